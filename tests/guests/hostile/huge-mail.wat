;; Composes HTML of 2 MiB.
(func (export "compose") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (drop (memory.grow (i32.const 40)))
  (call $mail (i32.const 256) (i32.const 7) (i32.const 256) (i32.const 7)
    (i32.const 131072) (i32.const 2097152) (i32.const 256) (i32.const 7)))
