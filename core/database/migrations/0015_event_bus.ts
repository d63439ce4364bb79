import { sql, type Kysely } from 'kysely'

/** Where the event bus of the platform begins and who works at it; how far its streams have been read. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // id: in the name of the key under which Redis keeps the position, so that no other database has the same. start_cursor: the
  // place in the feed after which the first start began. holder: the process that sends, until held_until.
  `create table event_bus_feeds (
    name text primary key check (char_length(name) between 1 and 100),
    id uuid not null unique default gen_random_uuid(),
    start_cursor text not null check (start_cursor <> ''),
    holder uuid,
    held_until timestamptz,
    check ((holder is null) = (held_until is null))
  )`,

  // last_id: of the last entry whose effect is in the database; moves in the transaction of that effect.
  `create table event_bus_streams (
    receiver text not null check (char_length(receiver) between 1 and 100),
    stream text not null check (stream <> ''),
    last_id text not null check (last_id <> ''),
    updated timestamptz not null,
    primary key (receiver, stream)
  )`,
]
