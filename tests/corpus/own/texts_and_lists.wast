;; Texts and lists, which a guest keeps in its memory, come back as they went in.

(component
  (core module $m
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      ;; round up to the alignment that is asked for
      (local.set $at (i32.and
        (i32.add (global.get $next) (i32.sub (local.get 2) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get 2))))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (if (i32.gt_u (global.get $next) (i32.const 65536)) (then unreachable))
      (local.get $at))
    (func (export "echo") (param i32 i32) (result i32)
      (i32.store (i32.const 16) (local.get 0))
      (i32.store (i32.const 20) (local.get 1))
      (i32.const 16))
    (func (export "length") (param i32 i32) (result i32) (local.get 1))
    (func (export "after") (param i32) (global.set $next (i32.const 1024))))
  (core instance $i (instantiate $m))
  (alias core export $i "memory" (core memory $memory))
  (alias core export $i "realloc" (core func $realloc))
  (alias core export $i "after" (core func $after))

  (func (export "echo-string") (param "v" string) (result string)
    (canon lift (core func $i "echo") (memory $memory) (realloc $realloc) (post-return $after)))
  (func (export "bytes-of") (param "v" string) (result u32)
    (canon lift (core func $i "length") (memory $memory) (realloc $realloc)))
  (func (export "units-of") (param "v" string) (result u32)
    (canon lift (core func $i "length") (memory $memory) (realloc $realloc)
      string-encoding=utf16))
  (func (export "echo-bytes") (param "v" (list u8)) (result (list u8))
    (canon lift (core func $i "echo") (memory $memory) (realloc $realloc) (post-return $after)))
  (func (export "echo-u16s") (param "v" (list u16)) (result (list u16))
    (canon lift (core func $i "echo") (memory $memory) (realloc $realloc) (post-return $after)))
  (func (export "echo-s64s") (param "v" (list s64)) (result (list s64))
    (canon lift (core func $i "echo") (memory $memory) (realloc $realloc) (post-return $after)))
  (func (export "echo-f32s") (param "v" (list f32)) (result (list f32))
    (canon lift (core func $i "echo") (memory $memory) (realloc $realloc) (post-return $after)))
  (func (export "echo-bools") (param "v" (list bool)) (result (list bool))
    (canon lift (core func $i "echo") (memory $memory) (realloc $realloc) (post-return $after)))
  (func (export "echo-chars") (param "v" (list char)) (result (list char))
    (canon lift (core func $i "echo") (memory $memory) (realloc $realloc) (post-return $after)))
  (func (export "echo-strings") (param "v" (list string)) (result (list string))
    (canon lift (core func $i "echo") (memory $memory) (realloc $realloc) (post-return $after)))
  (func (export "echo-lists") (param "v" (list (list u32))) (result (list (list u32)))
    (canon lift (core func $i "echo") (memory $memory) (realloc $realloc) (post-return $after))))

(assert_return (invoke "echo-string" (str.const "")) (str.const ""))
(assert_return (invoke "echo-string" (str.const "plain")) (str.const "plain"))
(assert_return (invoke "echo-string" (str.const "a\00b")) (str.const "a\00b"))
(assert_return (invoke "echo-string" (str.const "zażółć \u{1f600} \u{10ffff}")) (str.const "zażółć \u{1f600} \u{10ffff}"))
(assert_return (invoke "bytes-of" (str.const "\u{1f600}")) (u32.const 4))
(assert_return (invoke "units-of" (str.const "\u{1f600}")) (u32.const 2))
(assert_return (invoke "echo-bytes" (list.const)) (list.const))
(assert_return (invoke "echo-bytes" (list.const (u8.const 0) (u8.const 127) (u8.const 128) (u8.const 255))) (list.const (u8.const 0) (u8.const 127) (u8.const 128) (u8.const 255)))
(assert_return (invoke "echo-u16s" (list.const (u16.const 65535) (u16.const 1))) (list.const (u16.const 65535) (u16.const 1)))
(assert_return (invoke "echo-s64s" (list.const (s64.const -9223372036854775808) (s64.const 9223372036854775807))) (list.const (s64.const -9223372036854775808) (s64.const 9223372036854775807)))
(assert_return (invoke "echo-f32s" (list.const (f32.const 0.5) (f32.const -inf))) (list.const (f32.const 0.5) (f32.const -inf)))
(assert_return (invoke "echo-bools" (list.const (bool.const true) (bool.const false) (bool.const true))) (list.const (bool.const true) (bool.const false) (bool.const true)))
(assert_return (invoke "echo-chars" (list.const (char.const "a") (char.const "\u{10ffff}"))) (list.const (char.const "a") (char.const "\u{10ffff}")))
(assert_return (invoke "echo-strings" (list.const (str.const "") (str.const "two") (str.const "\u{e9}"))) (list.const (str.const "") (str.const "two") (str.const "\u{e9}")))
(assert_return (invoke "echo-lists" (list.const (list.const) (list.const (u32.const 1) (u32.const 2)) (list.const (u32.const 3)))) (list.const (list.const) (list.const (u32.const 1) (u32.const 2)) (list.const (u32.const 3))))

;; The encodings that a guest may keep its texts in.

(component
  (core module $m
    (memory (export "memory") 1)
    (data (i32.const 0) "\10\00\00\00\03\00\00\00")          ;; three code units at 16
    (data (i32.const 16) "\e9\00\3d\d8\00\de")               ;; an e with acute, then a smile
    (data (i32.const 32) "\40\00\00\00\04\00\00\00")         ;; four bytes at 64
    (data (i32.const 64) "caf\e9")
    (data (i32.const 96) "\10\00\00\00\03\00\00\80")         ;; the tag of sixteen bits
    (func (export "sixteen") (result i32) (i32.const 0))
    (func (export "latin") (result i32) (i32.const 32))
    (func (export "either") (result i32) (i32.const 96)))
  (core instance $i (instantiate $m))
  (func (export "sixteen") (result string)
    (canon lift (core func $i "sixteen") (memory (core memory $i "memory")) string-encoding=utf16))
  (func (export "latin") (result string)
    (canon lift (core func $i "latin") (memory (core memory $i "memory")) string-encoding=latin1+utf16))
  (func (export "either") (result string)
    (canon lift (core func $i "either") (memory (core memory $i "memory")) string-encoding=latin1+utf16)))

(assert_return (invoke "sixteen") (str.const "\u{e9}\u{1f600}"))
(assert_return (invoke "latin") (str.const "caf\u{e9}"))
(assert_return (invoke "either") (str.const "\u{e9}\u{1f600}"))
