import { sql, type Kysely } from 'kysely'

/** How far each consumer of the feed of events has come. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // cursor: of the feed, the last event that was consumed; null: none was. Moves in the transaction of what the consumer
  // did with the events, which locks the row: so one process consumes at a time.
  `create table feed_checkpoints (
    consumer text primary key check (char_length(consumer) between 1 and 100),
    cursor text check (cursor <> ''),
    updated timestamptz not null
  )`,

  // The checkpoint of the enterprise feed begins where enterprise_feed_positions is, which a new database does not have yet.
  // That table stays, though nothing here uses it from now on: while processes are replaced one after another, old ones still
  // read and move it. What both consume changes a record once, by the version of its enrollment.
  `do $$ begin
    if to_regclass('enterprise_feed_positions') is not null then
      insert into feed_checkpoints (consumer, cursor, updated)
      select 'enterprise', nullif(cursor, ''), updated from enterprise_feed_positions where reader = 'records';
    end if;
  end $$`,
]
