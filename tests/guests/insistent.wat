;; Goes on until it is refused. `insist` reads its configuration, publishes `orders.new`, and then
;; adds to a counter until that is refused; it answers the refusal. `flood` publishes to so many
;; topics, `orders.t00000` and on, whatever it is told.
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
  (import "wardian:plugin/events@1.0.0" (instance $events
    (alias outer 1 $error (type $e))
    (export "error" (type $error (eq $e)))
    (export "publish" (func (param "topic" string) (param "data" string)
      (param "key" (option string)) (result (result string (error $error)))))))
  (core module $memory
    (memory (export "memory") 2)
    (data (i32.const 0) "orders.new")
    (data (i32.const 16) "orders.t00000")
    (data (i32.const 32) "step")
    (data (i32.const 40) "1")
    (global $next (mut i32) (i32.const 4096))
    ;; What the host writes is read at once or never: room for a few answers is enough.
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (if (i32.gt_u (global.get $next) (i32.const 65536))
        (then (global.set $next (i32.const 4096))))
      (global.set $next (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.get $next)
      (global.set $next (i32.add (global.get $next) (local.get 3)))))
  (core instance $memory (instantiate $memory))
  (core func $increment (canon lower (func $kv "increment")
    (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (core func $get (canon lower (func $config "get")
    (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (core func $publish (canon lower (func $events "publish")
    (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (core module $main
    (import "memory" "memory" (memory 2))
    (import "host" "increment" (func $increment (param i32 i32 i64 i32)))
    (import "host" "get" (func $get (param i32 i32 i32)))
    (import "host" "publish" (func $publish (param i32 i32 i32 i32 i32 i32 i32 i32)))
    (func $tell (param $topic i32) (param $bytes i32)
      (call $publish (local.get $topic) (local.get $bytes) (i32.const 40) (i32.const 1)
        (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 128)))
    (func (export "insist") (result i32)
      (call $get (i32.const 32) (i32.const 4) (i32.const 128))
      (if (i32.load8_u (i32.const 128)) (then (unreachable)))
      (call $tell (i32.const 0) (i32.const 10))
      (loop
        (call $increment (i32.const 32) (i32.const 4) (i64.const 1) (i32.const 128))
        (br_if 0 (i32.eqz (i32.load8_u (i32.const 128)))))
      (i32.const 128))
    (func $digit (param $place i32) (param $number i32)
      (i32.store8 (local.get $place)
        (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10)))))
    (func (export "flood") (param $count i32) (local $at i32)
      (loop
        (call $digit (i32.const 28) (local.get $at))
        (call $digit (i32.const 27) (i32.div_u (local.get $at) (i32.const 10)))
        (call $digit (i32.const 26) (i32.div_u (local.get $at) (i32.const 100)))
        (call $digit (i32.const 25) (i32.div_u (local.get $at) (i32.const 1000)))
        (call $digit (i32.const 24) (i32.div_u (local.get $at) (i32.const 10000)))
        (call $tell (i32.const 16) (i32.const 13))
        (br_if 0 (i32.lt_u
          (local.tee $at (i32.add (local.get $at) (i32.const 1))) (local.get $count))))))
  (core instance $main (instantiate $main
    (with "memory" (instance $memory))
    (with "host" (instance
      (export "increment" (func $increment))
      (export "get" (func $get))
      (export "publish" (func $publish))))))
  (func (export "insist") (result (result s64 (error $error)))
    (canon lift (core func $main "insist")
      (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (func (export "flood") (param "count" u32) (canon lift (core func $main "flood"))))
