// slow: whole files in and out
import fc from 'fast-check'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { exportLines } from '../../../core/import-export/export.ts'
import { importLines } from '../../../core/import-export/import.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { anyFile } from '../../support/any-file.ts'
import { empty, exportAll, importAll } from '../../support/transfer.ts'

let first: TestDatabase
let second: TestDatabase

beforeAll(async () => {
  first = await createTestDatabase()
  second = await createTestDatabase()
})
afterAll(async () => {
  await first[Symbol.asyncDispose]()
  await second[Symbol.asyncDispose]()
})

describe('an export', () => {
  test('of an empty database is empty', async () => {
    await using fresh = await createTestDatabase()
    expect(await exportAll(fresh.db)).toBe('')
  })

  test('imports into an empty database and exports again byte for byte', async () => {
    await fc.assert(
      fc.asyncProperty(anyFile(), async (lines) => {
        await Promise.all([empty(first.db), empty(second.db)])
        const { failed } = await importAll(first.db, lines)
        expect(failed).toBe(0)
        const text = await exportAll(first.db)
        const counts = await importLines(second.db, exportLines(first.db), {
          strict: true,
          now: new Date(),
          actor: { kind: 'system', name: 'import' },
        })
        expect(counts.failed).toBe(0)
        expect(await exportAll(second.db)).toBe(text)
        // And what was exported changes nothing where it came from.
        expect(await importAll(first.db, text.split('\n'))).toMatchObject({ failed: 0, written: 0 })
      }),
      { numRuns: 25 },
    )
  })

  test('of more rows than a page has each of them once', async () => {
    await Promise.all([empty(first.db), empty(second.db)])
    await sql`insert into learners (username) select 'l' || n from generate_series(1, 4500) n`.execute(first.db)
    await sql`insert into courses (course_key, org) values ('a/b/c', 'a'), ('a/b/d', 'a')`.execute(first.db)
    await sql`insert into enrollments (learner_id, course_id, is_active, mode, created, updated)
      select l.id, c.id, true, 'audit', now(), now() from learners l, courses c`.execute(first.db)
    const lines = (await exportAll(first.db)).trim().split('\n')
    expect(lines).toHaveLength(4500 + 2 + 9000)
    expect(new Set(lines).size).toBe(lines.length)
  })

  test('shows one instant, whatever is written meanwhile', async () => {
    await Promise.all([empty(first.db), empty(second.db)])
    await importAll(first.db, [{ type: 'user', username: 'before', email: null }])
    const pieces = exportLines(first.db)
    const { value } = await pieces.next()
    await importAll(first.db, [{ type: 'course', courseId: 'a/b/c' }])
    const rest = await Array.fromAsync(pieces)
    expect(value).toContain('before')
    expect(rest.join('')).toBe('')
    expect(await exportAll(first.db)).toContain('a/b/c')
  })

  test('that nobody reads to its end leaves no transaction open', async () => {
    await importAll(first.db, [{ type: 'user', username: 'someone', email: null }])
    for await (const piece of exportLines(first.db)) {
      expect(piece).not.toBe('')
      break
    }
    const { rows } = await sql<{ open: number }>`
      select count(*)::int as open from pg_stat_activity
      where datname = current_database() and state like 'idle in transaction%'`.execute(first.db)
    expect(rows).toEqual([{ open: 0 }])
  })
})
