import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { areSurelyNew, noteAssumed, outlookOf, type Outlook } from '../../../core/enrollment/outlook.ts'
import { createTestDatabase } from '../../support/database.ts'
import { observed } from '../../support/observed.ts'
import { addCourse, addLearner, addLearners, type SeededLearner } from '../../support/seed.ts'
import { callerOf } from '../../routers/calls.ts'

// Enrollments that are taken for new are not looked for: the unique index tells where one exists.

const database = await createTestDatabase()
const { db } = database
afterAll(() => database[Symbol.asyncDispose]())

const texts: string[] = []
const pool = observed(db, (text) => texts.push(/^\/\* enrollment\.(\w+)/.exec(text)?.[1] ?? text))
const { enrollment } = callerOf(pool)

let courseId = ''
beforeEach(async () => {
  Object.assign(outlookOf(pool), { rounds: true, batches: true, newInSuccession: 1_000 })
  courseId = await addCourse(db)
  await enrollment.enroll({ username: (await addLearner(db)).username, courseId })
  texts.length = 0
})

test.each([
  [0, 1, false],
  [15, 1, false],
  [16, 1, true],
  [15_999, 1_000, false],
  [16_000, 1_000, true],
])('after %i new ones in succession %i are taken for new: %j', (newInSuccession, count, expected) => {
  expect(areSurelyNew({ rounds: true, batches: true, newInSuccession }, count)).toBe(expected)
})

test('one that exists begins the count anew', () => {
  const outlook: Outlook = { rounds: true, batches: true, newInSuccession: 5 }
  noteAssumed(outlook, 3, true)
  expect(outlook.newInSuccession).toBe(8)
  noteAssumed(outlook, 3, false)
  expect(outlook.newInSuccession).toBe(0)
})

describe.each([
  ['username', 'newByUsername', 'foreseenByUsername'],
  ['email', 'new', 'foreseen'],
] as const)('learners that are named by %s', (by, unseen, looked) => {
  const itemsOf = (learners: readonly SeededLearner[]) =>
    learners.map(({ username, email }) => ({ ...(by === 'email' ? { email } : { username }), courseId }))
  const eventsOf = async ({ username }: { username: string }) => {
    const events = await enrollment.history({ username, courseId })
    return events.map(({ id, kind, version }) => ({ id, kind, version }))
  }

  test('a batch of new ones is one statement, which does not look for them', async () => {
    const learners = await addLearners(db, 20)
    const { counts, results } = await enrollment.enrollMany({ items: itemsOf(learners) })
    expect(texts).toEqual([unseen])
    expect(counts).toEqual({ created: 20 })
    for (const [place, result] of results.entries()) {
      const learner = learners[place]
      if (learner === undefined || !result.ok) throw new Error('Each is enrolled')
      expect(result.outcome.enrollment).toMatchObject({ username: learner.username, userId: String(learner.userId) })
      expect(await eventsOf(learner)).toEqual([{ id: result.outcome.eventId, kind: 'created', version: 1 }])
    }
    expect(outlookOf(pool).newInSuccession).toBeGreaterThan(1_000)
  })

  test('one of a batch that exists is found by the index, and the next batch is looked for', async () => {
    const learners = await addLearners(db, 20)
    const [first] = learners
    if (first === undefined) throw new Error('There are learners')
    await enrollment.enroll({ username: first.username, courseId, isActive: false })
    texts.length = 0
    const { counts } = await enrollment.enrollMany({ items: itemsOf(learners) })
    // What fails is not told of.
    expect(texts).toEqual([by === 'email' ? 'facts' : 'factsByUsername', 'writeBriefly'])
    expect(counts).toEqual({ created: 19, reactivated: 1 })
    expect(await eventsOf(first)).toMatchObject([{ kind: 'created' }, { kind: 'reactivated' }])
    for (const learner of learners.slice(1)) expect(await eventsOf(learner)).toMatchObject([{ kind: 'created' }])
    expect(outlookOf(pool).newInSuccession).toBe(0)
    outlookOf(pool).batches = true
    texts.length = 0
    await enrollment.enrollMany({ items: itemsOf(await addLearners(db, 2)) })
    expect(texts).toEqual([looked])
  })

  test('calls of the same moment are not looked for either, until one of them exists', async () => {
    const round = async (learners: readonly SeededLearner[]) => {
      texts.length = 0
      const outcomes = await Promise.all(itemsOf(learners).map((item) => enrollment.enroll(item)))
      return outcomes.map(({ kind }) => kind)
    }
    const learners = await addLearners(db, 10)
    expect(await round(learners)).toEqual(learners.map(() => 'created'))
    expect(texts).toEqual([unseen])
    const [old] = learners
    const others = await addLearners(db, 9)
    expect(await round(old === undefined ? [] : [old, ...others])).toEqual([
      'unchanged',
      ...others.map(() => 'created'),
    ])
    expect(texts).toEqual([by === 'email' ? 'facts' : 'factsByUsername', 'writeBriefly'])
    outlookOf(pool).rounds = true
    expect(await round(await addLearners(db, 2))).toEqual(['created', 'created'])
    expect(texts).toEqual([looked])
  })

  test('whoever is not there, or is not like most, is decided on facts, and the others are written', async () => {
    const learners = [...(await addLearners(db, 3)), await addLearner(db, { is_staff: true })]
    const items = [...itemsOf(learners), { username: 'nobody', courseId }]
    const { counts } = await enrollment.enrollMany({ items })
    expect(counts).toEqual({ created: 4, learnerNotFound: 1 })
    expect(texts[0]).toMatch(new RegExp(`^${by === 'email' ? 'new' : 'new(ByUsername)?'}$`))
  })
})
