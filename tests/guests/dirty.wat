;; Leaves traces wherever an instance can keep any, and looks for them.
(component
  (core module $m
    (memory 2 256)
    (table 8 256 funcref)
    (global $kept (mut i64) (i64.const 0))
    (func $some)
    (elem declare func $some)
    (data (i32.const 64) "initial")
    ;; Fill all memory, what was added to it, the table and the global.
    (func (export "soil")
      (drop (memory.grow (i32.const 30)))
      (memory.fill (i32.const 0) (i32.const 0xaa) (i32.mul (memory.size) (i32.const 65536)))
      (drop (table.grow (ref.func $some) (i32.const 20)))
      (table.fill (i32.const 0) (ref.func $some) (table.size))
      (global.set $kept (i64.const -1)))
    (func (export "soil-and-trap")
      (memory.fill (i32.const 0) (i32.const 0xbb) (i32.mul (memory.size) (i32.const 65536)))
      (unreachable))
    ;; Count the bytes that are not as they should be in a new instance, also in pages added now.
    (func (export "traces") (result i32) (local $at i32) (local $found i32)
      (local.set $found
        (i32.add
          (i32.ne (memory.size) (i32.const 2))
          (i32.add
            (i32.ne (table.size) (i32.const 8))
            (i64.ne (global.get $kept) (i64.const 0)))))
      (if (i64.ne (i64.load (i32.const 64)) (i64.const 0x006c616974696e69))
        (then (local.set $found (i32.add (local.get $found) (i32.const 1)))))
      (drop (memory.grow (i32.const 40)))
      (drop (table.grow (ref.null func) (i32.const 40)))
      (i64.store (i32.const 64) (i64.const 0))
      (loop $bytes
        (if (i64.ne (i64.load (local.get $at)) (i64.const 0))
          (then (local.set $found (i32.add (local.get $found) (i32.const 1)))))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br_if $bytes
          (i32.lt_u (local.get $at) (i32.mul (memory.size) (i32.const 65536)))))
      (local.set $at (i32.const 0))
      (loop $elements
        (if (i32.eqz (ref.is_null (table.get (local.get $at))))
          (then (local.set $found (i32.add (local.get $found) (i32.const 1)))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $elements (i32.lt_u (local.get $at) (table.size))))
      (local.get $found)))
  (core instance $i (instantiate $m))
  (func (export "soil") (canon lift (core func $i "soil")))
  (func (export "soil-and-trap") (canon lift (core func $i "soil-and-trap")))
  (func (export "traces") (result u32) (canon lift (core func $i "traces"))))
