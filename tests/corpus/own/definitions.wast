;; One definition, several instances, each by its name.

(component definition $counter
  (core module $m
    (global $count (mut i32) (i32.const 0))
    (func (export "next") (result i32)
      (global.set $count (i32.add (global.get $count) (i32.const 1)))
      (global.get $count)))
  (core instance $i (instantiate $m))
  (func (export "next") (result u32) (canon lift (core func $i "next"))))

(component instance $first $counter)
(component instance $second $counter)

(assert_return (invoke $first "next") (u32.const 1))
(assert_return (invoke $second "next") (u32.const 1))
