;; A fault of the guest ends its call; the instance after it is a new one.

(component
  (core module $m
    (memory (export "memory") 1)
    (global $count (mut i32) (i32.const 0))
    (func (export "count") (result i32)
      (global.set $count (i32.add (global.get $count) (i32.const 1)))
      (global.get $count))
    (func (export "unreachable") unreachable)
    (func (export "divide") (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0)))
    (func (export "overflow") (result i32) (i32.div_s (i32.const 0x80000000) (i32.const -1)))
    (func (export "convert") (param f64) (result i32) (i32.trunc_f64_s (local.get 0)))
    (func (export "beyond") (result i32) (i32.load (i32.const 0x10000)))
    (func $deep (export "deep") (param i32) (result i32)
      (i32.add (i32.const 1) (call $deep (i32.add (local.get 0) (i32.const 1)))))
    (table 2 funcref)
    (type $none (func))
    (elem (i32.const 0) $deep)
    (func (export "indirect") (param i32) (call_indirect (type $none) (local.get 0))))
  (core instance $i (instantiate $m))
  (func (export "count") (result u32) (canon lift (core func $i "count")))
  (func (export "unreachable") (canon lift (core func $i "unreachable")))
  (func (export "divide") (param "by" s32) (result s32) (canon lift (core func $i "divide")))
  (func (export "overflow") (result s32) (canon lift (core func $i "overflow")))
  (func (export "convert") (param "v" f64) (result s32) (canon lift (core func $i "convert")))
  (func (export "beyond") (result u32) (canon lift (core func $i "beyond")))
  (func (export "deep") (param "v" u32) (result u32) (canon lift (core func $i "deep")))
  (func (export "indirect") (param "at" u32) (canon lift (core func $i "indirect"))))

(assert_trap (invoke "unreachable") "")
(assert_return (invoke "count") (u32.const 1))
(assert_return (invoke "divide" (s32.const -1)) (s32.const -1))
(assert_trap (invoke "divide" (s32.const 0)) "")
(assert_return (invoke "count") (u32.const 1))
(assert_return (invoke "count") (u32.const 2))
(assert_trap (invoke "overflow") "")
(assert_return (invoke "convert" (f64.const -1.9)) (s32.const -1))
(assert_trap (invoke "convert" (f64.const nan)) "")
(assert_trap (invoke "beyond") "")
(assert_exhaustion (invoke "deep" (u32.const 0)) "")
(assert_trap (invoke "indirect" (u32.const 0)) "")
(assert_trap (invoke "indirect" (u32.const 1)) "")
(assert_trap (invoke "indirect" (u32.const 2)) "")
(assert_return (invoke "count") (u32.const 1))

;; What a guest says it returns is checked before it is read.

(component
  (core module $m
    (memory (export "memory") 1)
    (data (i32.const 16) "\ff\ff\00\00\08\00\00\00")       ;; eight bytes at 0xffff, the last byte
    (data (i32.const 24) "\40\00\00\00\ff\ff\ff\ff")       ;; nearly everything, at 64
    (data (i32.const 32) "\40\00\00\00\02\00\00\00\c3\28") ;; a torn letter would start at 40
    (data (i32.const 48) "\28\00\00\00\02\00\00\00")
    (data (i32.const 56) "\41\00\00\00\01\00\00\00")       ;; one word at 65, which is odd
    (data (i32.const 80) "\07")                            ;; a case that there is not
    (func (export "past") (result i32) (i32.const 16))
    (func (export "huge") (result i32) (i32.const 24))
    (func (export "torn") (result i32) (i32.const 48))
    (func (export "odd") (result i32) (i32.const 56))
    (func (export "case") (result i32) (i32.const 80))
    (func (export "seven") (result i32) (i32.const 7))
    (func (export "nowhere") (result i32) (i32.const 0xfffffff0)))
  (core instance $i (instantiate $m))
  (func (export "text-past") (result string) (canon lift (core func $i "past") (memory (core memory $i "memory"))))
  (func (export "text-huge") (result string) (canon lift (core func $i "huge") (memory (core memory $i "memory"))))
  (func (export "text-torn") (result string) (canon lift (core func $i "torn") (memory (core memory $i "memory"))))
  (func (export "text-nowhere") (result string)
    (canon lift (core func $i "nowhere") (memory (core memory $i "memory"))))
  (func (export "bytes-huge") (result (list u8))
    (canon lift (core func $i "huge") (memory (core memory $i "memory"))))
  (func (export "words-huge") (result (list u64))
    (canon lift (core func $i "huge") (memory (core memory $i "memory"))))
  (func (export "words-odd") (result (list u32))
    (canon lift (core func $i "odd") (memory (core memory $i "memory"))))
  (func (export "no-such-option") (result (option u32))
    (canon lift (core func $i "case") (memory (core memory $i "memory"))))
  (type $choice' (enum "a" "b"))
  (export $choice "choice" (type $choice'))
  (func (export "no-such-enum") (result $choice) (canon lift (core func $i "seven"))))

(assert_trap (invoke "text-past") "")
(assert_trap (invoke "text-huge") "")
(assert_trap (invoke "text-torn") "")
(assert_trap (invoke "text-nowhere") "")
(assert_trap (invoke "bytes-huge") "")
(assert_trap (invoke "words-huge") "")
(assert_trap (invoke "words-odd") "")
(assert_trap (invoke "no-such-option") "")
(assert_trap (invoke "no-such-enum") "")

;; The place that a guest gives for an argument is checked, too.

(component
  (core module $m
    (memory (export "memory") 1)
    (global $at (mut i32) (i32.const 0))
    (func (export "place") (param i32) (global.set $at (local.get 0)))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (global.get $at))
    (func (export "length") (param i32 i32) (result i32) (local.get 1)))
  (core instance $i (instantiate $m))
  (func (export "place") (param "at" u32) (canon lift (core func $i "place")))
  (func (export "length") (param "v" string) (result u32)
    (canon lift (core func $i "length") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))

(assert_return (invoke "length" (str.const "fits")) (u32.const 4))
(assert_return (invoke "place" (u32.const 65532)))
(assert_return (invoke "length" (str.const "fits")) (u32.const 4))
(assert_return (invoke "place" (u32.const 65533)))
(assert_trap (invoke "length" (str.const "fits")) "")
