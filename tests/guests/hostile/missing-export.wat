;;! wit "  export compose:" -> "  // export compose:"
;; Cannot compose.
