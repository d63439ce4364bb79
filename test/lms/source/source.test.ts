// slow: starts a MariaDB
import { afterAll, describe, expect, test } from 'vitest'
import { openLmsSource } from '../../../lms/source/source.ts'
import { hasMariadb, openMariadb, type TestMariadb } from '../../support/mariadb.ts'

describe.skipIf(!hasMariadb)('the database of an LMS', async () => {
  const mariadb = hasMariadb ? await openMariadb() : ({} as TestMariadb)
  afterAll(() => mariadb[Symbol.asyncDispose]?.())
  const url = hasMariadb ? await mariadb.createDatabase('edxapp') : ''

  test('is read in pages by the key, instants with their microseconds', async () => {
    await using source = await openLmsSource(url)
    const pages = await Array.fromAsync(
      source.pages('student_courseenrollment', { key: 'id', columns: ['id', 'created', 'no_such'], size: 5 }),
    )
    expect(pages.map((page) => page.length)).toEqual([5, 5, 4])
    expect(pages[0]?.[0]).toEqual({ id: 100, created: '2026-01-02 03:04:05.678901', no_such: null })
  })

  test('a table that it lacks has no columns and no rows', async () => {
    await using source = await openLmsSource(url)
    expect(await source.columns('no_such_table')).toEqual(new Set())
    expect(await Array.fromAsync(source.pages('no_such_table', { key: 'id', columns: ['id'] }))).toEqual([])
  })

  test('in a snapshot nothing changes any more', async () => {
    await using source = await openLmsSource(url, { snapshot: true })
    const count = () => source.query<{ n: string }>('select count(*) as n from auth_user')
    const before = await count()
    await mariadb.run(
      'edxapp',
      `insert into auth_user select id + 500000, password, last_login, is_superuser,
      concat(username, '-copy'), first_name, last_name, concat('copy-', email), is_staff, is_active, date_joined
      from auth_user where id = 5`,
    )
    expect(await count()).toEqual(before)
  })
})
