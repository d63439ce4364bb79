import { expect, test } from 'vitest'
import { positionOf } from '../../../core/event/cursor.ts'
import type { EnrollmentEvent } from '../../../core/event/event.ts'
import { createRing, type Ring } from '../../../core/event/ring.ts'

const at = (place: number) => positionOf(`${place}-${place}`)

test('finds the first page with events after a place, the place where it began included', () => {
  const ring = ringOf(5, [1, 2], [5], [7, 9])
  expect([0, 1, 2, 3, 5, 6, 7, 8, 9, 12].map((place) => ring.find(at(place)))).toEqual([0, 0, 1, 1, 2, 2, 2, 2, 3, 3])
  expect([0, 1, 2, 3].map((number) => ring.page(number)?.items.map(({ id }) => id))).toEqual([
    ['1-1', '2-2'],
    ['5-5'],
    ['7-7', '9-9'],
    undefined,
  ])
})

test('keeps the newest events; who asks for earlier ones is told that they are gone', () => {
  const ring = ringOf(4, [1, 2], [3, 4], [5, 6])
  expect([ring.page(0), ring.page(1)?.id, ring.page(2)?.id, ring.page(3)]).toEqual([null, '4-4', '6-6', undefined])
  expect([0, 1, 2, 3, 6].map((place) => ring.find(at(place)))).toEqual([null, null, 1, 1, 3])
})

function ringOf(maxEvents: number, ...pages: number[][]): Ring {
  const ring = createRing(at(0), maxEvents)
  for (const page of pages) ring.push(page.map(eventAt), `${page.at(-1)}-${page.at(-1)}`)
  return ring
}

/** The ring looks at nothing but the place of an event. */
function eventAt(place: number): EnrollmentEvent {
  return { cursor: `${place}-${place}` } as EnrollmentEvent
}
