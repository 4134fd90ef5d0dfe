;; More than sixteen flat parameters travel through memory, in their order.

(component
  (core module $m
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 256))
    (func (export "last-of") (param $at i32) (result i32)
      (i32.load (i32.add (local.get $at) (i32.const 64))))
    (func (export "sixteen")
      (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
      (local.get 15)))
  (core instance $i (instantiate $m))
  (func (export "sixteen")
    (param "a" u32) (param "b" u32) (param "c" u32) (param "d" u32) (param "e" u32) (param "f" u32)
    (param "g" u32) (param "h" u32) (param "i" u32) (param "j" u32) (param "k" u32) (param "l" u32)
    (param "m" u32) (param "n" u32) (param "o" u32) (param "p" u32) (result u32)
    (canon lift (core func $i "sixteen")))
  (func (export "seventeen")
    (param "a" u32) (param "b" u32) (param "c" u32) (param "d" u32) (param "e" u32) (param "f" u32)
    (param "g" u32) (param "h" u32) (param "i" u32) (param "j" u32) (param "k" u32) (param "l" u32)
    (param "m" u32) (param "n" u32) (param "o" u32) (param "p" u32) (param "q" u32) (result u32)
    (canon lift (core func $i "last-of") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))

(assert_return (invoke "sixteen"
  (u32.const 1) (u32.const 2) (u32.const 3) (u32.const 4) (u32.const 5) (u32.const 6)
  (u32.const 7) (u32.const 8) (u32.const 9) (u32.const 10) (u32.const 11) (u32.const 12)
  (u32.const 13) (u32.const 14) (u32.const 15) (u32.const 16)) (u32.const 16))
(assert_return (invoke "seventeen"
  (u32.const 1) (u32.const 2) (u32.const 3) (u32.const 4) (u32.const 5) (u32.const 6)
  (u32.const 7) (u32.const 8) (u32.const 9) (u32.const 10) (u32.const 11) (u32.const 12)
  (u32.const 13) (u32.const 14) (u32.const 15) (u32.const 16) (u32.const 17)) (u32.const 17))

;; Eight flags fill a byte, sixteen two bytes, seventeen a word.

(component
  (core module $m
    (func (export "one") (param i32) (result i32) (local.get 0)))
  (core instance $i (instantiate $m))
  (type $eight' (flags "a" "b" "c" "d" "e" "f" "g" "h"))
  (export $eight "eight" (type $eight'))
  (type $more' (flags "a" "b" "c" "d" "e" "f" "g" "h" "i" "j" "k" "l" "m" "n" "o" "p" "q"))
  (export $more "more" (type $more'))
  (func (export "echo-eight") (param "v" $eight) (result $eight) (canon lift (core func $i "one")))
  (func (export "echo-more") (param "v" $more) (result $more) (canon lift (core func $i "one"))))

(assert_return (invoke "echo-eight" (flags.const "a" "h")) (flags.const "a" "h"))
(assert_return (invoke "echo-more" (flags.const "a" "i" "q")) (flags.const "a" "i" "q"))
