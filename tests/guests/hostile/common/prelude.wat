;; What all guests of this folder have: memory, an allocator that never frees, and the shapes of
;; answers in the canonical ABI of the contract 0.3.0. Below 2048 is for the prelude, up to 65536 for
;; the guest's own data, beyond it for what is allocated.

(memory $memory (export "memory") 2)
(global $heap (mut i32) (i32.const 65536))
(data (i32.const 256) "hostile")

(func $alloc (param $size i32) (result i32)
  (local $at i32)
  (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
  (global.set $heap (i32.add (local.get $at) (local.get $size)))
  (block $enough
    (br_if $enough (i32.le_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
    (br_if $enough
      (i32.ne (i32.const -1)
        (memory.grow (i32.add (i32.shr_u (local.get $size) (i32.const 16)) (i32.const 1)))))
    unreachable)
  (local.get $at))

(func (export "cabi_realloc")
  (param $old i32) (param $had i32) (param $align i32) (param $size i32) (result i32)
  (call $alloc (local.get $size)))

;; A cohort that `plan` was asked about.
(func $cohort (param $arguments i32) (param $number i32) (result i32)
  (i32.add (i32.load offset=104 (local.get $arguments)) (i32.shl (local.get $number) (i32.const 4))))

;; How many members they have, and a list of their ids.
(func $count (param $arguments i32) (result i32)
  (local $count i32) (local $number i32)
  (block $done
    (loop $next
      (br_if $done (i32.eq (local.get $number) (i32.load offset=108 (local.get $arguments))))
      (local.set $count
        (i32.add
          (local.get $count)
          (i32.load offset=12 (call $cohort (local.get $arguments) (local.get $number)))))
      (local.set $number (i32.add (local.get $number) (i32.const 1)))
      (br $next)))
  (local.get $count))
(func $ids (param $arguments i32) (result i32)
  (local $ids i32) (local $end i32) (local $number i32) (local $cohort i32) (local $size i32)
  (local.set $ids (call $alloc (i32.shl (call $count (local.get $arguments)) (i32.const 2))))
  (local.set $end (local.get $ids))
  (block $done
    (loop $next
      (br_if $done (i32.eq (local.get $number) (i32.load offset=108 (local.get $arguments))))
      (local.set $cohort (call $cohort (local.get $arguments) (local.get $number)))
      (local.set $size (i32.shl (i32.load offset=12 (local.get $cohort)) (i32.const 2)))
      (memory.copy (local.get $end) (i32.load offset=8 (local.get $cohort)) (local.get $size))
      (local.set $end (i32.add (local.get $end) (local.get $size)))
      (local.set $number (i32.add (local.get $number) (i32.const 1)))
      (br $next)))
  (local.get $ids))

;; Writes a group: an action (0 mail-now, 1 keep, 2 keep-until, 3 skip), a reason, members.
(func $group (param $at i32) (param $action i32) (param $reason i32) (param $length i32)
  (param $members i32) (param $count i32)
  (i32.store8 (local.get $at) (local.get $action))
  (i32.store offset=4 (local.get $at) (local.get $reason))
  (i32.store offset=8 (local.get $at) (local.get $length))
  (i32.store offset=12 (local.get $at) (local.get $members))
  (i32.store offset=16 (local.get $at) (local.get $count)))

;; Answers `plan` with so many groups, or with one of all members.
(func $groups (param $at i32) (param $count i32) (result i32)
  (i32.store (i32.const 16) (i32.const 0))
  (i32.store (i32.const 20) (local.get $at))
  (i32.store (i32.const 24) (local.get $count))
  (i32.const 16))
(func $all (param $arguments i32) (param $reason i32) (param $length i32) (result i32)
  (call $group (i32.const 128) (i32.const 0) (local.get $reason) (local.get $length)
    (call $ids (local.get $arguments)) (call $count (local.get $arguments)))
  (call $groups (i32.const 128) (i32.const 1)))

;; Answers `compose` with a subject, a preview, HTML and text.
(func $mail (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (i32.store (i32.const 32) (i32.const 0))
  (i32.store (i32.const 36) (local.get 0))
  (i32.store (i32.const 40) (local.get 1))
  (i32.store (i32.const 44) (local.get 2))
  (i32.store (i32.const 48) (local.get 3))
  (i32.store (i32.const 52) (local.get 4))
  (i32.store (i32.const 56) (local.get 5))
  (i32.store (i32.const 60) (local.get 6))
  (i32.store (i32.const 64) (local.get 7))
  (i32.store (i32.const 68) (i32.const 0))
  (i32.store8 (i32.const 80) (i32.const 1))
  (i32.const 32))
