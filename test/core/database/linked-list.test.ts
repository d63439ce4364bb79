import fc from 'fast-check'
import { expect, test } from 'vitest'
import { linkedList, type Linked } from '../../../core/database/linked-list.ts'

interface Element extends Linked<Element> {
  readonly id: number
}

test('a list has the order and the elements of an array, and what has left leads nowhere', () => {
  const step = fc.oneof(fc.constant('add' as const), fc.record({ remove: fc.nat(20) }))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const list = linkedList<Element>()
      const made: Element[] = []
      let model: Element[] = []
      for (const each of steps) {
        if (each === 'add') {
          const element: Element = { id: made.length, previous: undefined, next: undefined }
          made.push(element)
          model.push(element)
          list.add(element)
          continue
        }
        const element = made[each.remove]
        if (element === undefined) continue
        expect(list.remove(element)).toBe(model.includes(element))
        expect([element.previous, element.next]).toEqual([undefined, undefined])
        model = model.filter((other) => other !== element)
      }
      expect(elementsOf(list.first)).toEqual(model.map(({ id }) => id))
      expect(list.size).toBe(model.length)
    }),
  )
})

function elementsOf(first: Element | undefined): number[] {
  const ids: number[] = []
  for (let element = first; element !== undefined; element = element.next) ids.push(element.id)
  return ids
}
