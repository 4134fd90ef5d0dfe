;; Remembers a number in its memory and in a global, for as long as the instance lives.
(component
  (core module $m
    (memory 1)
    (global $kept (mut i32) (i32.const 0))
    (func (export "remember") (param i32)
      (i32.store (i32.const 128) (local.get 0))
      (global.set $kept (local.get 0)))
    (func (export "recall") (result i32)
      (i32.or (i32.load (i32.const 128)) (global.get $kept))))
  (core instance $i (instantiate $m))
  (func (export "remember") (param "value" u32) (canon lift (core func $i "remember")))
  (func (export "recall") (result u32) (canon lift (core func $i "recall"))))
