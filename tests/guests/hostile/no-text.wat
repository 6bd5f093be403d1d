;; Composes a subject that is no UTF-8.
(data (i32.const 2048) "\ff\fe")
(func (export "compose") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (call $mail (i32.const 2048) (i32.const 2) (i32.const 256) (i32.const 7)
    (i32.const 256) (i32.const 7) (i32.const 256) (i32.const 7)))
