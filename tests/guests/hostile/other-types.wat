;;! wit "    id: person-id," -> "    id: u64,"
;; Has a member's id as another type than the contract says.
