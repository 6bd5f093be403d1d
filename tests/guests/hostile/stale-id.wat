;; Names an id of an earlier call.
;; The test puts it into the settings under `hostile`: letters from `a`, each half a byte, lowest first.
(import "chat-digest:guest/settings@0.3.0" "get" (func $get (param i32 i32 i32)))
(func (export "plan") (param $arguments i32) (result i32)
  (local $at i32) (local $id i32) (local $half i32)
  ;; option<string>: a mark at 96, the string at 100 and 104.
  (call $get (i32.const 256) (i32.const 7) (i32.const 96))
  (local.set $at (i32.load (i32.const 100)))
  (loop $next
    (local.set $id
      (i32.or (local.get $id)
        (i32.shl
          (i32.sub (i32.load8_u (i32.add (local.get $at) (local.get $half))) (i32.const 97))
          (i32.mul (local.get $half) (i32.const 4)))))
    (local.set $half (i32.add (local.get $half) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $half) (i32.const 8))))
  (i32.store (i32.const 120) (local.get $id))
  (call $group (i32.const 128) (i32.const 0) (i32.const 256) (i32.const 7)
    (i32.const 120) (i32.const 1))
  (call $groups (i32.const 128) (i32.const 1)))
