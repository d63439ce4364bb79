import { Client, escapeIdentifier, escapeLiteral } from 'pg'

/**
 * Makes a database what a dump of another one would restore: the rows of all tables with every value, and the values of all
 * sequences, and the functions as they are. The target has the same migrations.
 */
export async function copyDatabase(from: string, to: string): Promise<void> {
  const [source, target] = [new Client({ connectionString: from }), new Client({ connectionString: to })]
  await Promise.all([source.connect(), target.connect()])
  try {
    await source.query('begin isolation level repeatable read')
    await target.query('begin; set local session_replication_role = replica')
    for (const table of await namesOf(source, 'tables')) await copyTable(source, target, table)
    for (const sequence of await namesOf(source, 'sequences')) await copySequence(source, target, sequence)
    await copyFunctions(source, target)
    await target.query('commit')
  } finally {
    await Promise.all([source.end(), target.end()])
  }
}

const NAMES = {
  tables: `select tablename as name from pg_tables where schemaname = 'public'`,
  sequences: `select sequencename as name from pg_sequences where schemaname = 'public'`,
}

const FUNCTIONS = `select pg_get_functiondef(p.oid) as text from pg_proc p
  where pronamespace = 'public'::regnamespace and prokind = 'f' and proname like 'feed%'`

async function namesOf(client: Client, what: keyof typeof NAMES): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(NAMES[what])
  return rows.map(({ name }) => name)
}

async function copyFunctions(source: Client, target: Client): Promise<void> {
  const { rows } = await source.query<{ text: string }>(FUNCTIONS)
  for (const { text } of rows) await target.query(text)
}

async function copyTable(source: Client, target: Client, name: string): Promise<void> {
  const table = escapeIdentifier(name)
  const { rows } = await source.query<{ rows: string }>(
    `select coalesce(json_agg(t), '[]')::text as rows from ${table} t`,
  )
  await target.query(`delete from ${table}`)
  await target.query(
    `insert into ${table} overriding system value select * from json_populate_recordset(null::${table}, $1::json)`,
    [rows[0]?.rows],
  )
}

async function copySequence(source: Client, target: Client, name: string): Promise<void> {
  const sequence = escapeIdentifier(name)
  const { rows } = await source.query<{ last_value: string; is_called: boolean }>(
    `select last_value, is_called from ${sequence}`,
  )
  const [row] = rows
  if (row === undefined) throw new Error(`The sequence ${name} has no value`)
  await target.query(`select setval(${escapeLiteral(sequence)}::regclass, ${row.last_value}, ${row.is_called})`)
}
