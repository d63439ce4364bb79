import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import type { Outcome } from '../../../routers/index.ts'
import type { Told } from './burst-world.ts'
import { expectedOf, type CourseModel, type CourseState, type Expected } from './model.ts'

/**
 * Holds calls that were made at the same time against a queue: there has to be an order in which they come to the same
 * results one after another, and in which none that began after the end of another stands before it. Changes stand in
 * the order of their events; for each call that changed nothing a place between them is looked for.
 *
 * A course run with seats is looked at as a whole. Elsewhere each learner is: nothing connects one to another.
 *
 * @param told of one course run.
 * @returns the enrollments at the end of the queue.
 */
export function expectSomeSequence(told: readonly Told[], course: CourseModel): CourseState {
  if (course.limit !== null) return expectOneQueue(told, course)
  const byLearner = Map.groupBy(told, ({ ask }) => ask.learner)
  return new Map([...byLearner.values()].flatMap((own) => [...expectOneQueue(own, course)]))
}

function expectOneQueue(told: readonly Told[], course: CourseModel): CourseState {
  const changes = told.filter(({ result }) => eventOf(result) !== null)
  changes.sort((a, b) => Number(eventOf(a.result)) - Number(eventOf(b.result)))
  const states = replay(changes, course)
  expectPlaces(
    told.filter(({ result }) => eventOf(result) === null),
    { changes, states, course },
  )
  return states.at(-1) ?? new Map()
}

/** The states before, between and after the changes. Each has to be what a lone call would have come to. */
function replay(changes: readonly Told[], course: CourseModel): CourseState[] {
  const states: CourseState[] = [new Map()]
  let lastBegan = 0
  for (const { ask, began, ended, result } of changes) {
    const state = states.at(-1) ?? new Map()
    const expected = expectedOf(ask, course, state)
    expect(inWords(result)).toEqual(expected)
    if ('kind' in result) expect(result.before).toEqual(beforeOf(state, ask.learner))
    // Those before it in the queue began before it ended.
    expect(lastBegan).toBeLessThan(ended)
    lastBegan = Math.max(lastBegan, began)
    states.push('after' in expected ? new Map([...state, [ask.learner, expected.after]]) : state)
  }
  return states
}

function expectPlaces(
  calls: readonly Told[],
  { changes, states, course }: { changes: readonly Told[]; states: readonly CourseState[]; course: CourseModel },
): void {
  const placed: { ended: number; place: number }[] = []
  for (const call of calls.toSorted((a, b) => a.ended - b.ended)) {
    const first = Math.max(
      changes.findLastIndex(({ ended }) => ended < call.began) + 1,
      ...placed.filter(({ ended }) => ended < call.began).map(({ place }) => place),
    )
    const after = changes.findIndex(({ began }) => began > call.ended)
    const last = after < 0 ? changes.length : after
    const place = states.findIndex((state, index) => {
      return index >= first && index <= last && fits(call, course, state)
    })
    expect(place, `No lone call comes to ${JSON.stringify(call)} at ${first} to ${last}`).toBeGreaterThanOrEqual(0)
    placed.push({ ended: call.ended, place })
  }
}

function fits({ ask, result }: Told, course: CourseModel, state: CourseState): boolean {
  const isBefore = !('kind' in result) || isDeepStrictEqual(result.before, beforeOf(state, ask.learner))
  return isBefore && isDeepStrictEqual(inWords(result), expectedOf(ask, course, state))
}

/** The event of a call; null where it changed nothing. */
function eventOf(result: Told['result']): string | null {
  if (!('kind' in result)) return null
  expect(result.eventId === null).toBe(result.kind === 'unchanged')
  return result.eventId
}

function beforeOf(state: CourseState, learner: number): Outcome['before'] {
  const { mode, isActive } = state.get(learner) ?? {}
  return mode === undefined || isActive === undefined ? null : { mode, isActive }
}

function inWords(result: Told['result']): Expected {
  if (!('kind' in result)) return { code: result.code, details: Object(result.details) }
  const { mode, isActive, version } = result.enrollment
  return { kind: result.kind, after: { mode, isActive, version } }
}
