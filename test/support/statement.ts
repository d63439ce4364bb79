import { Client } from 'pg'

/** Runs one statement on a connection of its own, for what cannot be done on the database under test. */
export async function runStatement<Row extends object>(
  connectionString: string,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = new Client({ connectionString })
  await client.connect()
  try {
    return (await client.query<Row>(text, values)).rows
  } finally {
    await client.end()
  }
}
