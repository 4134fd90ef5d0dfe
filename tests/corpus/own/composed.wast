;; Components made of components: values pass between them, state is each one's own.

(component
  (component $counter
    (core module $m
      (global $count (mut i32) (i32.const 0))
      (func (export "add") (param i32) (result i32)
        (global.set $count (i32.add (global.get $count) (local.get 0)))
        (global.get $count)))
    (core instance $i (instantiate $m))
    (func (export "add") (param "by" u32) (result u32) (canon lift (core func $i "add"))))
  (instance $one (instantiate $counter))
  (instance $two (instantiate $counter))
  (core func $one (canon lower (func $one "add")))
  (core func $two (canon lower (func $two "add")))
  (core module $m
    (import "one" "add" (func $one (param i32) (result i32)))
    (import "two" "add" (func $two (param i32) (result i32)))
    (func (export "both") (param i32 i32) (result i32)
      ;; 100 times what the first has after two additions, and what the second has after one
      (drop (call $one (local.get 0)))
      (i32.add
        (i32.mul (i32.const 100) (call $one (local.get 0)))
        (call $two (local.get 1)))))
  (core instance $i (instantiate $m
    (with "one" (instance (export "add" (func $one))))
    (with "two" (instance (export "add" (func $two))))))
  (func (export "both") (param "one" u32) (param "two" u32) (result u32)
    (canon lift (core func $i "both"))))

(assert_return (invoke "both" (u32.const 3) (u32.const 7)) (u32.const 607))

;; A text crosses from one memory to another, and from one encoding to another.

(component
  (component $inner
    (core module $m
      (memory (export "memory") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 128))
      (func (export "units") (param i32 i32) (result i32) (local.get 1)))
    (core instance $i (instantiate $m))
    (func (export "units") (param "v" string) (result u32)
      (canon lift (core func $i "units") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))
        string-encoding=utf16)))
  (component $outer
    (import "units" (func $units (param "v" string) (result u32)))
    (core module $memory
      (memory (export "memory") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 512)))
    (core instance $memory (instantiate $memory))
    (core func $lowered (canon lower (func $units) (memory (core memory $memory "memory"))))
    (core module $m
      (import "host" "units" (func $units (param i32 i32) (result i32)))
      (func (export "ask") (param i32 i32) (result i32)
        (call $units (local.get 0) (local.get 1))))
    (core instance $i (instantiate $m
      (with "host" (instance (export "units" (func $lowered))))))
    (func (export "ask") (param "v" string) (result u32)
      (canon lift (core func $i "ask") (memory (core memory $memory "memory"))
        (realloc (core func $memory "realloc")))))
  (instance $inner (instantiate $inner))
  (instance $outer (instantiate $outer (with "units" (func $inner "units"))))
  (export "units" (func $outer "ask")))

(assert_return (invoke "units" (str.const "")) (u32.const 0))
(assert_return (invoke "units" (str.const "caf\u{e9}")) (u32.const 4))
(assert_return (invoke "units" (str.const "\u{1f600}!")) (u32.const 3))

;; A fault in one ends the call of all.

(component
  (component $broken
    (core module $m (func (export "fail") unreachable))
    (core instance $i (instantiate $m))
    (func (export "fail") (canon lift (core func $i "fail"))))
  (component $caller
    (import "fail" (func $fail))
    (core func $lowered (canon lower (func $fail)))
    (core module $m
      (import "host" "fail" (func $fail))
      (func (export "try") (call $fail)))
    (core instance $i (instantiate $m
      (with "host" (instance (export "fail" (func $lowered))))))
    (func (export "try") (canon lift (core func $i "try"))))
  (instance $broken (instantiate $broken))
  (instance $caller (instantiate $caller (with "fail" (func $broken "fail"))))
  (export "try" (func $caller "try")))

(assert_trap (invoke "try") "")
(assert_trap (invoke "try") "")
