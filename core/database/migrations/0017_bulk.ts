import { CompiledQuery, sql, type Kysely } from 'kysely'

/** Bulk jobs: uploads, jobs and their lines (bulk.md); the tables of the queue that they wait in, which are graphile-worker's. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
  const schema = await schemaOfQueue(db)
  await makeQueue(db, schema.name)
  for (const statement of queueStatements(schema)) await sql.raw(statement).execute(db)
}

const statements = [
  // bytes: null while it is still arriving.
  `create table bulk_uploads (
    id uuid primary key default gen_random_uuid(),
    actor_name text not null check (char_length(actor_name) between 1 and 255),
    bytes bigint check (bytes >= 0),
    created timestamptz not null
  )`,
  `create table bulk_upload_pieces (
    upload_id uuid not null,
    number integer not null check (number >= 0),
    bytes bytea not null check (octet_length(bytes) between 1 and 1048576),
    primary key (upload_id, number)
  )`,

  `create table bulk_jobs (
    id uuid primary key default gen_random_uuid(),
    -- The order of the list.
    number bigint not null unique generated always as identity,
    name text check (char_length(name) <= 255),
    state text not null default 'queued' check (state in ('queued', 'running', 'done', 'cancelled', 'failed')),
    -- What is done next, or was done last.
    phase text not null check (phase in ('reading', 'checking', 'running')),
    action text not null check (action in ('enroll', 'unenroll', 'change', 'sync')),
    source text not null check (source in ('items', 'csv', 'upload', 'retry', 'undo')),
    failure_mode text not null check (failure_mode in ('bestEffort', 'strict')),
    is_dry_run boolean not null,
    actor_kind text not null check (actor_kind in ('service', 'user', 'system')),
    actor_name text not null,
    request_id text,
    reason text,
    -- Of a file.
    upload_id uuid,
    -- The course run of a file that names none; the course runs that a roster is of.
    course_ids text[],
    -- The job whose failed lines these are, or that is undone; and the batch that is undone.
    parent_job_id uuid,
    undone_batch_id uuid,
    -- Of a roster: { "maxRemovals": 50 | "10%" }.
    limits jsonb,
    removes_funded boolean not null default false,
    -- What the caller says that the plan is, and what it is.
    expected_fingerprint text,
    plan_fingerprint text,
    -- Of a file: the columns as they are written there.
    header jsonb,
    warnings jsonb not null default '[]',
    -- Null until all has been read.
    total integer check (total >= 0),
    done integer not null default 0 check (done >= 0),
    -- By kind of outcome and by code of error.
    counts jsonb not null default '{}',
    -- Of a dry run: the seats that it would have taken so far, by the id of the course run.
    seats jsonb not null default '{}',
    -- Lines a second of late.
    rate real,
    progressed timestamptz,
    last_error jsonb,
    -- Failures in a row, after which it was begun again.
    failures integer not null default 0,
    -- A process that works on it says so until then; after that another takes over.
    leased_until timestamptz,
    created timestamptz not null,
    started timestamptz,
    ended timestamptz,
    check ((state in ('done', 'cancelled', 'failed')) = (ended is not null)),
    check ((source in ('csv', 'upload')) = (upload_id is not null)),
    check (state = 'queued' or started is not null or ended is not null)
  )`,
  `create index bulk_jobs_open_idx on bulk_jobs (leased_until) where state in ('queued', 'running')`,
  `create index bulk_jobs_ended_idx on bulk_jobs (ended) where ended is not null`,
  `create index bulk_jobs_state_idx on bulk_jobs (state, number)`,

  // A chunk of a job: its lines, and when it is done their results, as JSON. Without foreign keys: what is left of a job that was
  // deleted is swept.
  `create table bulk_chunks (
    job_id uuid not null,
    number integer not null check (number >= 0),
    line_count integer not null check (line_count >= 1),
    lines text not null,
    -- Of a file: the cells of each line as they are written there.
    cells text,
    -- Of a file, for each line: the hash of its learner and course run (0: it names none), the hash of what it says about them, and
    -- its number.
    pairs bigint[],
    says bigint[],
    places integer[],
    -- Of a file, what is wrong with lines beside others: [index, code, number of the other line].
    faults jsonb,
    results text,
    -- By kind of outcome and by code of error.
    counts jsonb,
    failed integer,
    -- Lines that are to be tried again, because somebody held their rows.
    held integer not null default 0,
    tries integer not null default 0,
    done timestamptz,
    primary key (job_id, number),
    check (num_nulls(pairs, says, places) in (0, 3)),
    check (num_nulls(results, counts, failed, done) in (0, 4))
  )`,
  // What a roster of items lists, as the lines of chunks are kept: its chunks hold what becomes of it.
  `create table bulk_rosters (
    job_id uuid not null,
    number integer not null check (number >= 0),
    lines text not null,
    primary key (job_id, number)
  )`,
  `create index bulk_chunks_open_idx on bulk_chunks (job_id, number) where done is null`,
  `create index bulk_chunks_held_idx on bulk_chunks (job_id, number) where held > 0`,
]

/**
 * The schema of the queue's tables: one of its own; where ours are in a schema of their own, or where this role may not make schemas,
 * the same as ours.
 */
async function schemaOfQueue(db: Kysely<unknown>): Promise<QueueSchema> {
  const { rows } = await sql<QueueSchema>`
    select name, quote_ident(name) as identifier, quote_literal(name) as literal
    from (select case when current_schema() = 'public' and has_database_privilege(current_database(), 'create')
      then ${OWN_SCHEMA} else current_schema() end as name) as schema`.execute(db)
  const [schema] = rows
  if (schema === undefined) throw new Error('The database has not answered')
  return schema
}

const OWN_SCHEMA = 'graphile_worker'

/** A schema by its name, and as SQL has it. */
interface QueueSchema {
  readonly name: string
  readonly identifier: string
  readonly literal: string
}

// What the service asks of the queue, wherever its tables are.
const queueStatements = ({ identifier: schema, literal }: QueueSchema) => [
  `create function bulk_queue_schema() returns text language sql immutable return ${literal}`,
  `create function bulk_enqueue(task text, job_id uuid, delay_ms double precision) returns void language sql as $$
    select from ${schema}.add_job(task, json_build_object('jobId', job_id::text),
      run_at := clock_timestamp() + delay_ms * interval '1 millisecond', job_key := task || ':' || job_id) $$`,
  `create view bulk_queue as select key, run_at, locked_at, attempts, max_attempts from ${schema}.jobs`,
  // What is left of processes that were killed.
  `create function bulk_sweep_queue(task text) returns void language sql as $$
    delete from ${schema}._private_jobs q using ${schema}._private_tasks t
    where t.id = q.task_id and t.identifier = task and q.key is null and q.attempts >= q.max_attempts
      and q.updated_at < now() - interval '1 day' $$`,
]

/** All of it in our transaction, so that the migration of an operator is all that there is to do. */
async function makeQueue(db: Kysely<unknown>, schema: string): Promise<void> {
  const { Logger, runMigrations } = await import('graphile-worker')
  const client = { query: queryOn(db, schema !== OWN_SCHEMA), release() {} }
  const pool = {
    connect: async () => client,
    query: client.query,
    // It asks for those who hear of errors of the pool.
    listeners: () => [() => {}],
    options: {},
  }
  const logger = new Logger(() => () => {})
  await runMigrations({ pgPool: pool as never, logger, schema, noPreparedStatements: true })
}

type PgQuery = string | { readonly text: string; readonly values?: readonly unknown[] }

/**
 * Answers as a client of pg. Its transactions are parts of ours; what fails there, as its question for tables that are not
 * there yet, must leave ours usable.
 *
 * @param isThere whether the schema is: even to find that out by a `create schema if not exists` takes a right.
 */
function queryOn(db: Kysely<unknown>, isThere: boolean) {
  return async (query: PgQuery, values: readonly unknown[] = []) => {
    const { text: whole, values: own = values } = typeof query === 'string' ? { text: query } : query
    const text = isThere ? whole.replace(/^create schema if not exists [^;]+;/, '') : whole
    if (/^\s*(begin|commit|rollback)\s*$/i.test(text)) return { rows: [], rowCount: 0 }
    await sql`savepoint bulk_queue`.execute(db)
    try {
      const { rows } = await db.executeQuery(CompiledQuery.raw(text, [...own]))
      await sql`release savepoint bulk_queue`.execute(db)
      return { rows, rowCount: rows.length }
    } catch (error) {
      await sql`rollback to savepoint bulk_queue`.execute(db)
      throw error
    }
  }
}
