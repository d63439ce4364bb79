import { describe, expect, test } from 'vitest'
import { addLearner } from '../../../support/seed.ts'
import { cohortOf } from '../../../support/world.ts'
import { bulkWorld, only, STRANGER, stranger } from './world.ts'

const { world, ask } = bulkWorld()

describe('cohorts', () => {
  test('a member of another cohort moves', async () => {
    await ask({ identifiers: world.notEnrolled.username, cohorts: 'cohort1' })
    const answer = await ask({ identifiers: world.notEnrolled.username, cohorts: 'cohort2' })
    expect(only(answer)).toMatchObject({ before: { cohort: 'cohort1' }, after: { cohort: 'cohort2' } })
    expect(await cohortOf(world.door.db, world.notEnrolled.id, world.course)).toBe('cohort2')
  })

  test('a person without an account is expected there', async () => {
    const email = stranger()
    const answer = await ask({ identifiers: email, cohorts: 'cohort1' })
    const after = { ...STRANGER, allowed: true, cohort: 'cohort1' }
    expect(only(answer)).toMatchObject({ before: { ...STRANGER, cohort: null }, after })
    const rows = await world.door.db
      .selectFrom('cohort_preassignments')
      .select('email')
      .where('email', '=', email)
      .execute()
    expect(rows).toHaveLength(1)
  })

  test('and joins it when they have an account and enroll', async () => {
    const email = stranger()
    await ask({ identifiers: email.toUpperCase(), cohorts: 'cohort1' })
    const newcomer = await addLearner(world.door.db, { email })
    const enroll = { course_details: { course_id: world.course } }
    expect(await world.door.as(newcomer).post(enroll)).toMatchObject({ status: 200 })
    expect(await cohortOf(world.door.db, newcomer.id, world.course)).toBe('cohort1')
    expect(
      await world.door.db.selectFrom('cohort_preassignments').select('id').where('email', 'ilike', email).execute(),
    ).toEqual([])
  })

  test('one person under two names: the second sees the first', async () => {
    const { username, email } = world.notEnrolled
    const { json } = await ask({ identifiers: `${username} ${email}`, cohorts: 'cohort1' })
    const results: { before: { cohort: string | null } }[] = json.courses[world.course].results
    expect(results.map(({ before }) => before.cohort)).toEqual([null, 'cohort1'])
  })

  test('nobody who failed joins', async () => {
    const answer = await ask({ identifiers: 'nobody', cohorts: 'cohort1' })
    expect(only(answer)).toEqual({ identifier: 'nobody', invalidIdentifier: true })
  })

  test('an empty text is no cohort', async () => {
    expect(only(await ask({ identifiers: world.notEnrolled.username, cohorts: '' }))).not.toHaveProperty('after.cohort')
  })
})
