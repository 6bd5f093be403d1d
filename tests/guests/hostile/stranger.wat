;; Mails to somebody whom nobody offered: one past the highest id.
(func $highest (param $arguments i32) (result i32)
  (local $ids i32) (local $number i32) (local $highest i32)
  (local.set $ids (call $ids (local.get $arguments)))
  (local.set $highest (i32.load (local.get $ids)))
  (loop $next
    (if (i32.gt_s
          (i32.load (i32.add (local.get $ids) (i32.shl (local.get $number) (i32.const 2))))
          (local.get $highest))
      (then (local.set $highest
        (i32.load (i32.add (local.get $ids) (i32.shl (local.get $number) (i32.const 2)))))))
    (local.set $number (i32.add (local.get $number) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $number) (call $count (local.get $arguments)))))
  (local.get $highest))
(func (export "plan") (param $arguments i32) (result i32)
  (i32.store (i32.const 120) (i32.add (call $highest (local.get $arguments)) (i32.const 1)))
  (call $group (i32.const 128) (i32.const 0) (i32.const 256) (i32.const 7)
    (i32.const 120) (i32.const 1))
  (call $groups (i32.const 128) (i32.const 1)))
