import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, inject, test } from 'vitest'
import { startChild } from '../../bench/child.ts'
import { HERE } from '../../bench/checkout.ts'

describe('a process that answers questions', () => {
  test('answers, fails with its error, and ends with who asked', async () => {
    const closed = join(await mkdtemp(join(inject('scratch'), 'child-')), 'closed')
    const child = startChild<{ half: number }, number>(await childFile(closed), { execArgv: [] })
    expect(await child.ask({ half: 8 })).toBe(4)
    await expect(child.ask({ half: 7 })).rejects.toThrow('7 is odd')
    expect(await child.ask({ half: 2 })).toBe(1)
    await child[Symbol.asyncDispose]()
    expect(await readFile(closed, 'utf8')).toBe('closed')
  })

  test('that ends without an answer is an error, not a wait', async () => {
    await using child = startChild<{ half: number }, number>(await childFile(''), { execArgv: [] })
    await expect(child.ask({ half: 0 })).rejects.toThrow('has ended')
    await expect(child.ask({ half: 2 })).rejects.toThrow('has ended')
  })
})

async function childFile(closed: string): Promise<URL> {
  const path = join(await mkdtemp(join(inject('scratch'), 'child-')), 'child.ts')
  await writeFile(
    path,
    `import { writeFile } from 'node:fs/promises'
    import { answerParent } from '${pathToFileURL(join(HERE, 'bench/child.ts')).href}'
    answerParent(async ({ half }: { half: number }) => {
      if (half === 0) process.exit(3)
      if (half % 2 === 1) throw new RangeError(half + ' is odd')
      return half / 2
    }, () => writeFile(${JSON.stringify(closed)}, 'closed'))`,
  )
  return pathToFileURL(path)
}
