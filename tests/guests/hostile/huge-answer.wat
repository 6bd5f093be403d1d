;; Composes HTML of 9 MiB.
(func (export "compose") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (drop (memory.grow (i32.const 160)))
  (call $mail (i32.const 256) (i32.const 7) (i32.const 256) (i32.const 7)
    (i32.const 131072) (i32.const 9437184) (i32.const 256) (i32.const 7)))
