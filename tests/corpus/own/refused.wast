;; What is no valid component, or asks for what nobody offers, is refused before it runs.

(assert_invalid
  (component
    (core module $m (func (export "f") (result i64) (i64.const 0)))
    (core instance $i (instantiate $m))
    (func (export "f") (result u32) (canon lift (core func $i "f"))))
  "")

(assert_invalid
  (component
    (core module $m (func (export "f") (param i32 i32) (result i32) (local.get 1)))
    (core instance $i (instantiate $m))
    (func (export "f") (param "v" string) (result u32) (canon lift (core func $i "f"))))
  "")

(assert_invalid
  (component
    (core module $m (func (export "f") (result i32) (i64.const 0)))
    (core instance (instantiate $m)))
  "")

(assert_invalid
  (component
    (core module $m (func (export "f")))
    (core instance $i (instantiate $m))
    (func (export "same") (canon lift (core func $i "f")))
    (func (export "same") (canon lift (core func $i "f"))))
  "")

(assert_invalid
  (component (type $t (record)) (export "t" (type $t)))
  "")

(assert_invalid
  (component (type $t (flags "a" "a")) (export "t" (type $t)))
  "")

(assert_invalid
  (component (import "not a name" (func)))
  "")

(assert_invalid
  (component (export "f" (func 3)))
  "")

(assert_malformed
  (component binary "\00asm\0d\00\01\00\ff\01\00")
  "")

(assert_malformed
  (component binary "\00asm\0d\00\01\00\01\05")
  "")

(assert_malformed
  (component binary "\00asm\0c\00\01\00")
  "")

(assert_unlinkable
  (component (import "wardian:plugin/no-such-thing@1.0.0" (instance (export "f" (func)))))
  "")

(assert_unlinkable
  (component (import "strange" (func (param "v" u32))))
  "")
