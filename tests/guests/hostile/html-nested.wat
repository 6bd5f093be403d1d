;; Composes HTML of one element inside another, 100,000 deep.
(func (export "compose") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (local $at i32) (local $number i32)
  (local.set $at (call $alloc (i32.const 300000)))
  (loop $next
    (i32.store (i32.add (local.get $at) (i32.mul (local.get $number) (i32.const 3)))
      (i32.const 0x003e623c))
    (local.set $number (i32.add (local.get $number) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $number) (i32.const 99999))))
  (call $mail (i32.const 256) (i32.const 7) (i32.const 256) (i32.const 7)
    (local.get $at) (i32.const 299997) (i32.const 256) (i32.const 7)))
