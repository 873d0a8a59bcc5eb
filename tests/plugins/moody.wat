;; Breaks on a message that begins with `x`, computes for a while on one that begins with `b`, and emits any other.
(func $break unreachable)
(func $main (param $body i32) (result i32)
  (local $first i32) (local $left i32)
  (call $read (local.get $body) (i64.const 0) (i32.const 1048576) (i32.const 128))
  (if (i32.load (i32.const 136)) (then (local.set $first (i32.load8_u (i32.load (i32.const 132))))))
  (if (i32.eq (local.get $first) (i32.const 120)) (then (call $break)))
  (if (i32.eq (local.get $first) (i32.const 98)) (then
    (local.set $left (i32.const 200000000))
    (loop $again (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (return (i32.const 0))))
  (call $emit (i32.const 1024) (i32.const 3) (i32.load (i32.const 132)) (i32.load (i32.const 136)) (i32.const 256))
  (i32.const 0))
