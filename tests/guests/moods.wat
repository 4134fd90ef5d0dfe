;; Feels as its configuration's `mood` says, by the first letter: `healthy`; `degraded` and
;; `unhealthy` with a reason; `err`, an error of its own; `spins`, `traps`; `coloured`, degraded with
;; control characters; `long` and `megabytes`, degraded with much text; `kept`, unhealthy for the
;; first three times, which it counts in its storage. `fine` answers 42, `fail` traps.
(component
  (import "wardian:plugin/types@1.0.0" (instance $types
    (type $e (variant (case "denied" string) (case "not-found" string) (case "invalid" string)
      (case "exhausted" string) (case "unavailable" string)))
    (export "error" (type (eq $e)))))
  (alias export $types "error" (type $error))
  (import "wardian:plugin/kv@1.0.0" (instance $kv
    (alias outer 1 $error (type $e))
    (export "error" (type $error (eq $e)))
    (export "increment" (func (param "key" string) (param "by" s64)
      (result (result s64 (error $error)))))))
  (import "wardian:plugin/config@1.0.0" (instance $config
    (alias outer 1 $error (type $e))
    (export "error" (type $error (eq $e)))
    (export "get" (func (param "key" string) (result (result string (error $error)))))))
  (core module $memory
    (memory (export "memory") 2)
    (data (i32.const 16) "mood")
    (data (i32.const 512) "the disk is full")
    (data (i32.const 544) "\1b[31mred\e2\80\aetxt\0a")
    (global $next (mut i32) (i32.const 4096))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.set $next (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.get $next)
      (global.set $next (i32.add (global.get $next) (local.get 3)))))
  (core instance $memory (instantiate $memory))
  (alias core export $memory "memory" (core memory $m))
  (alias core export $memory "realloc" (core func $realloc))
  (core func $increment
    (canon lower (func $kv "increment") (memory $m) (realloc $realloc)))
  (core func $get (canon lower (func $config "get") (memory $m) (realloc $realloc)))
  (core module $main
    (import "m" "memory" (memory 1))
    (import "host" "increment" (func $increment (param i32 i32 i64 i32)))
    (import "host" "get" (func $get (param i32 i32 i32)))
    (func $is (param $letter i32) (result i32)
      (i32.eq (local.get $letter)
        (i32.load8_u (i32.add (i32.const 1) (i32.load (i32.const 68))))))
    (func $tell (param $case i32) (param $text i32) (param $length i32) (result i32)
      (i32.store (i32.const 256) (i32.const 0))
      (i32.store (i32.const 260) (local.get $case))
      (i32.store (i32.const 264) (local.get $text))
      (i32.store (i32.const 268) (local.get $length))
      (i32.const 256))
    (func $much (param $length i32) (result i32)
      (drop (memory.grow (i32.const 40)))
      (memory.fill (i32.const 65536) (i32.const 120) (local.get $length))
      (call $tell (i32.const 1) (i32.const 65536) (local.get $length)))
    (func $kept (result i32)
      (call $increment (i32.const 16) (i32.const 4) (i64.const 1) (i32.const 128))
      (if (i32.load8_u (i32.const 128)) (then (unreachable)))
      (call $tell
        (select (i32.const 2) (i32.const 0) (i64.le_s (i64.load (i32.const 136)) (i64.const 3)))
        (i32.const 512) (i32.const 16)))
    (func (export "health") (result i32)
      (call $get (i32.const 16) (i32.const 4) (i32.const 64))
      (if (i32.load8_u (i32.const 64)) (then (unreachable)))
      (if (call $is (i32.const 104)) (then
        (return (call $tell (i32.const 0) (i32.const 0) (i32.const 0)))))
      (if (call $is (i32.const 100)) (then
        (return (call $tell (i32.const 1) (i32.const 512) (i32.const 16)))))
      (if (call $is (i32.const 117)) (then
        (return (call $tell (i32.const 2) (i32.const 512) (i32.const 16)))))
      (if (call $is (i32.const 101)) (then
        (i32.store8 (i32.const 256) (i32.const 1))
        (i32.store (i32.const 260) (i32.const 512)) (i32.store (i32.const 264) (i32.const 16))
        (return (i32.const 256))))
      (if (call $is (i32.const 115)) (then (loop (br 0))))
      (if (call $is (i32.const 99)) (then
        (return (call $tell (i32.const 1) (i32.const 544) (i32.const 15)))))
      (if (call $is (i32.const 108)) (then (return (call $much (i32.const 60000)))))
      (if (call $is (i32.const 109)) (then (return (call $much (i32.const 2000000)))))
      (if (call $is (i32.const 107)) (then (return (call $kept))))
      (unreachable))
    (func (export "fine") (result i32) (i32.const 42))
    (func (export "fail") (unreachable)))
  (core instance $main (instantiate $main
    (with "m" (instance $memory))
    (with "host" (instance
      (export "increment" (func $increment)) (export "get" (func $get))))))
  (func (export "fine") (result u32) (canon lift (core func $main "fine")))
  (func (export "fail") (canon lift (core func $main "fail")))
  (type $condition (variant (case "healthy") (case "degraded" string) (case "unhealthy" string)))
  (func $health (result (result $condition (error string)))
    (canon lift (core func $main "health") (memory $m)))
  (component $lifecycle
    (type $declared (variant (case "healthy") (case "degraded" string) (case "unhealthy" string)))
    (import "condition" (type $c (eq $declared)))
    (import "health" (func $health (result (result $c (error string)))))
    (export $out "condition" (type $c))
    (export "health" (func $health) (func (result (result $out (error string))))))
  (instance $lifecycle (instantiate $lifecycle
    (with "condition" (type $condition)) (with "health" (func $health))))
  (export "wardian:plugin/lifecycle@1.0.0" (instance $lifecycle)))
