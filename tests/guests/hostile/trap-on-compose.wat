;; Plans well, then traps when it is to compose.
(func (export "compose") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  unreachable)
