import { describe, expect, test } from 'vitest'
import type { Measurement } from '../../bench/load.ts'
import { chosen } from '../../bench/measures/chosen.ts'
import { comparePairs, pairTable } from '../../bench/pairs.ts'
import { runRounds, type Rounds } from '../../bench/rounds.ts'
import type { Side } from '../../bench/side-process.ts'
import { summarise, summaryTable } from '../../bench/summary.ts'

const measures = [
  { name: 'hand-64' },
  { name: 'hand-plain-64' },
  { name: 'caller-64', against: ['hand-64', 'hand-plain-64'] },
]

describe('a summary', () => {
  const rounds: Rounds = new Map([
    ['hand-64', runs(100, 110, 90)],
    ['hand-plain-64', runs(200, 100, 400)],
    ['caller-64', runs(300, 400, 400)],
  ])

  test('compares with the faster baseline, round by round', () => {
    // The ratio of the medians would be 2, and 4 with the other baseline.
    const summary = summarise(measures[2] ?? { name: '' }, rounds, {})
    expect(summary.timeRatio).toBeCloseTo(1 / 1.5)
    expect(summary).toMatchObject({ against: 'hand-plain-64', ratio: 1.5, ratioSpread: [1, 4] })
  })

  test('has no ratio where a baseline was not measured in the same round', () => {
    const apart: Rounds = new Map([
      ['hand-64', [undefined, run(100)]],
      ['caller-64', [run(400), undefined]],
    ])
    expect(summarise({ name: 'caller-64', against: ['hand-64'] }, apart, {})).not.toHaveProperty('ratio')
  })

  test('is printed with what each process took of the processors, and with what is known beside', () => {
    const processor = { service: 30.06, postgres: 41, load: 12 }
    const summary = summarise({ name: 'rest-64' }, new Map([['rest-64', [{ ...run(500), processor }]]]), {
      roundTrips: 2,
      connections: 20,
      statements: { 10: 2 },
    })
    const [heads, line] = summaryTable([summary]).split('\n')
    expect(heads).toMatch(/rows\/s .* service µs +postgres µs +load µs/)
    expect(line).toMatch(
      /^rest-64 +500 .* 30\.1 +41\.0 +12\.0 +2 statements for 10 rows, 20 connections, 2 round trips/,
    )
  })

  test('tells how far the far way is', () => {
    const far = [1.1, 1.3, 1.2].map((addedMs) => ({ ...run(300), addedMs }))
    const summary = summarise({ name: 'far-select-1' }, new Map([['far-select-1', far]]), {})
    expect(summaryTable([summary])).toContain('the far way adds 1.20 ms (1.10–1.30)')
  })
})

describe('two checkouts', () => {
  test('are compared pair by pair', () => {
    const [pair] = comparePairs(
      new Map([['caller-64', runs(120, 300, 80)]]),
      new Map([['caller-64', runs(100, 200, 100)]]),
    )
    expect(pair).toMatchObject({ name: 'caller-64', ratio: 1.2, ratioSpread: [0.8, 1.5] })
    expect(pair && pairTable([pair])).toMatch(/caller-64 +100 +120 +1\.20 +0\.80–1\.50 +0\.83/)
  })

  test('measure right after each other, and each is as often the first', async () => {
    const order: string[] = []
    const side = (version: string): Side => ({
      ...{ version, measures, facts: async () => ({}), [Symbol.asyncDispose]: async () => {} },
      run: async (measure, total) => {
        order.push(`${version} ${measure} ${total}`)
        return run(order.length)
      },
    })
    const options = { measures: measures.slice(0, 1), rounds: 2, total: 10, longEvery: 2, onRound: () => {} }
    const [newer, older] = await runRounds([side('new'), side('old')], options)
    const warmUp = ['new hand-64 2000', 'old hand-64 2000']
    expect(order).toEqual([...warmUp, 'new hand-64 10', 'old hand-64 10', 'old hand-64 10', 'new hand-64 10'])
    expect(newer?.get('hand-64')).toEqual([run(3), run(6)])
    expect(older?.get('hand-64')).toEqual([run(4), run(5)])
  })
})

describe('chosen measures', () => {
  const far = { name: 'far-caller-1', against: ['hand-64'], beside: 'far-select-1' }
  const all = [...measures, { name: 'far-select-1' }, far]

  test('bring their baselines and what belongs to them', () => {
    expect(chosen(all, ['caller-64']).map(({ name }) => name)).toEqual(['hand-64', 'hand-plain-64', 'caller-64'])
    expect(chosen(all, ['far-caller-1']).map(({ name }) => name)).toEqual(['hand-64', 'far-select-1', 'far-caller-1'])
    expect(chosen(all, undefined)).toEqual(all)
  })

  test('a name that is none is an error', () => {
    expect(() => chosen(all, ['caller-64', 'caler-1'])).toThrow('No measure here is called caler-1')
  })
})

function runs(...throughputs: number[]): Measurement[] {
  return throughputs.map(run)
}

function run(throughput: number): Measurement {
  return { throughput, p50Ms: 1000 / throughput, p99Ms: 1 }
}
