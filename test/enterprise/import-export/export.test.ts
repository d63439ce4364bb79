// slow: whole files in and out
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { cli, lineFile } from '../../support/cli.ts'
import { exportAll } from '../../support/transfer.ts'
import { fulfil } from '../pending/steps.ts'
import { addPending, createEnterpriseDatabase } from '../seed.ts'
import { ACME, admin, customer, exportText, GLOBEX, importLines, link, removeAll, user, world } from './world.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database

beforeEach(() => removeAll(db))

describe('an export', () => {
  test('has the lines of the extension after those of core, and is imported byte for byte', async () => {
    await importLines(db, world)
    const text = await exportText(db)
    expect(extensionPart(text)).toEqual([
      { type: 'customer', uuid: ACME, name: 'ACME', slug: 'acme' },
      { type: 'customer', uuid: GLOBEX, name: 'Globex', slug: null },
      admin('alice'),
      admin('carol', GLOBEX),
      link({ username: 'alice' }, { isLinked: true, isPermanentlyUnlinked: false }),
      link({ username: 'carol' }, { isLinked: false, isPermanentlyUnlinked: false }),
      link({ username: 'bob' }, { isLinked: false, isPermanentlyUnlinked: true }),
      link({ email: 'new@example.com' }, { isLinked: true, isPermanentlyUnlinked: false }),
      link({ email: 'gone@example.com' }, { isLinked: false, isPermanentlyUnlinked: true }),
    ])
    await expectSameInAnother(text)
    expect(await importLines(db, text.trim().split('\n'))).toMatchObject({ failed: 0, written: 0 })
  })

  test('is the same in another order of lines and links', async () => {
    const { failures } = await importLines(db, [...world.slice(0, 5), ...world.slice(5).toReversed()])
    expect(failures).toEqual([])
    await expectSameInAnother(await exportText(db))
  })

  test('names whoever has got an account meanwhile by it', async () => {
    await importLines(db, [customer(ACME), link({ email: 'dora@example.com' }), link({ email: 'erik@example.com' })])
    await importLines(db, [user('dora', 'Dora@example.com'), user('erik')])
    await importLines(db, [link({ username: 'erik' }, { isLinked: false })])
    const text = await exportText(db)
    expect(extensionPart(text).slice(1)).toMatchObject([
      { username: 'erik', isLinked: false },
      { username: 'dora', isLinked: true },
    ])
    await expectSameInAnother(text)
  })

  test('leaves out the link that an account took, whatever address it has now', async () => {
    await importLines(db, [customer(ACME), link({ email: 'dora@example.com' })])
    await importLines(db, [user('dora')])
    await fulfil(db)
    await importLines(db, [user('dora', 'other@example.com')])
    const text = await exportText(db)
    expect(extensionPart(text).slice(1)).toMatchObject([{ username: 'dora', isLinked: true }])
    await expectSameInAnother(text)
    // Until the address itself is linked again.
    expect(await importLines(db, [link({ email: 'dora@example.com' })])).toMatchObject({ written: 1 })
    expect(await importLines(db, [link({ email: 'dora@example.com' })])).toMatchObject({ written: 0 })
    expect(extensionPart(await exportText(db)).slice(2)).toMatchObject([{ email: 'dora@example.com' }])
    await importLines(db, [user('erik', 'dora@example.com')])
    await fulfil(db)
    expect(extensionPart(await exportText(db)).slice(1)).toMatchObject([{ username: 'dora' }, { username: 'erik' }])
  })

  test('without customers is that of core', async () => {
    await importLines(db, [user('alice'), { type: 'course', courseId: 'a/b/c' }])
    expect(await exportText(db)).toBe(await exportAll(db))
  })

  test('has what waits, and leaves out what has ended', async () => {
    await importLines(db, [customer(ACME)])
    const { id } = await db.selectFrom('enterprise_customers').select('id').executeTakeFirstOrThrow()
    await addPending(db, { id, uuid: ACME }, 'new@example.com', 'a/b/c', { mode: 'audit', state: 'cancelled' })
    await addPending(db, { id, uuid: ACME }, 'new@example.com', 'a/b/d', { mode: 'audit' })
    const text = await exportText(db)
    expect(extensionPart(text).slice(2)).toMatchObject([
      { type: 'pendingEnrollment', courseId: 'a/b/d', mode: 'audit' },
    ])
    await expectSameInAnother(text)
  })

  async function expectSameInAnother(text: string) {
    await using other = await createEnterpriseDatabase()
    const counts = await importLines(other.db, text.trim().split('\n'), { strict: true })
    expect(counts.failures).toEqual([])
    expect(await exportText(other.db)).toBe(text)
  }
})

test('the command line reads and writes them, and tells how they look', async () => {
  const env = { DATABASE_URL: database.connectionString }
  const path = await lineFile(...world)
  expect(await cli(['import', path], env)).toMatchObject({ code: 0, stderr: '' })
  expect((await cli(['export'], env)).stdout).toBe(await exportText(db))
  expect((await cli(['import', '--help'], env)).stdout).toContain('{"type": "customerLink", "customer", ')
})

function extensionPart(text: string): object[] {
  const lines = text.trim().split('\n')
  const first = lines.findIndex((line) => line.startsWith('{"type":"customer"'))
  return lines.slice(first).map((line) => JSON.parse(line))
}
