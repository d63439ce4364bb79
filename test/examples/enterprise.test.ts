// slow: starts many processes
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { createTestDatabase } from '../support/database.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const program = join(import.meta.dirname, '../../examples/enterprise.ts')

describe('the example of the enterprise tenant', () => {
  test('enrolls two hundred learners with the ledger of the customer, or leaves nothing', async () => {
    const printed = await run({ DATABASE_URL: database.connectionString })
    const [first, second, third] = printed.split(/^\d\. /m).slice(1)
    expect(rowsOf(first)).toEqual(tableOf({ before: [0, 0, 0, 0], after: [1, 600, 200, 600] }))
    expect(second).toContain('600 rows applied: 600 created.')
    expect(second).toContain('The transaction ends: the bank does not pay.')
    expect(rowsOf(second)).toEqual(
      tableOf({ before: [1, 600, 200, 600], inside: [2, 1200, 200, 1200], after: [1, 600, 200, 600] }),
    )
    // What the failure took back stays where nothing fails.
    expect(rowsOf(third)).toEqual(tableOf({ before: [1, 600, 200, 600], after: [2, 1200, 200, 1200] }))
    // It says what is there.
    expect(await database.db.selectFrom('enrollments').select('id').execute()).toHaveLength(1200)
  })

  test('brings its own database, which is gone at the end', async () => {
    const printed = await run({})
    const [, directory = ''] = /^PostgreSQL: one of its own, in (.+)$/m.exec(printed) ?? []
    expect(directory).toContain('enrollment-example-')
    expect(existsSync(directory)).toBe(false)
    expect(printed.match(/600 created/g)).toHaveLength(3)
  })
})

async function run(settings: Record<string, string>): Promise<string> {
  const { DATABASE_URL: _, ...env } = process.env
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program], { env: { ...env, ...settings } })
  expect(stderr).toBe('')
  return stdout
}

type Row = [ledger: number, enrollments: number, links: number, told: number]

function tableOf(columns: Record<string, Row>): Record<string, number[]> {
  const all = Object.values(columns)
  const of = (place: number) => all.map((column) => column[place] ?? 0)
  return {
    'ledger rows': of(0),
    'active enrollments': of(1),
    events: of(1),
    'learner links': of(2),
    'enrollment records': of(1),
    fulfilments: of(1),
    'learners to tell': of(3),
  }
}

/** The numbers of a printed table, by the words before them. */
function rowsOf(text = ''): Record<string, number[]> {
  const lines = [...text.matchAll(/^ {3}([a-z ]+?) {2,}((?: *\d+)+)$/gm)]
  return Object.fromEntries(lines.map(([, name = '', numbers = '']) => [name, numbers.trim().split(/ +/).map(Number)]))
}
