/**
 * SQL: the number of the events that a statement writes, which is their place in the feed (decision 20). It is what the default of
 * `enrollment_events.transaction_id` says, asked once for all rows in place of once for each: within a statement it does not change.
 * Nothing is asked where there is no row.
 */
export const NUMBER_OF_EVENTS = `(select (greatest(txid_current(), txid_snapshot_xmax(txid_current_snapshot()) - 1)
    + coalesce(feed_offset(), feed_first_offset()))::text::xid8)`
