;; Composes HTML with a script, a remote image and a form.
(data (i32.const 2048) "<p>news</p><script>alert(1)</script><img src=https://evil.example/p.gif><form action=https://evil.example/><p onclick=alert(1)>x</p></form>")
(func (export "compose") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (call $mail (i32.const 256) (i32.const 7) (i32.const 256) (i32.const 7)
    (i32.const 2048) (i32.const 139) (i32.const 256) (i32.const 7)))
