;;! wit "type person-id = u32;" -> "type person-id = u64;"
;; Has a member's id as another type than the contract says.
