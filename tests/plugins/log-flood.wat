(func $main (param $body i32) (result i32)
  (local $left i32)
  (local.set $left (i32.const 5000))
  (loop $again
    (call $log (i32.const 2) (i32.const 1040) (i32.const 22))
    (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
  (i32.const 0))
