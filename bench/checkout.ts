import { execFile } from 'node:child_process'
import { access } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

/** A directory with the code of the service. */
export interface Checkout {
  readonly directory: string
  /** How it is told apart from others: its commit, with a plus where files have changed since. */
  readonly version: string
}

/** This one. */
export const HERE = resolve(import.meta.dirname, '..')

/** @throws RangeError when there is no code of the service that can run. */
export async function findCheckout(path: string): Promise<Checkout> {
  const directory = resolve(path)
  for (const needed of ['core', 'routers', 'server', 'node_modules']) {
    await access(join(directory, needed)).catch(() => {
      throw new RangeError(`${path} has no ${needed}: name a checkout of this project in which npm ci has run`)
    })
  }
  return { directory, version: await versionOf(directory) }
}

/** What starts a process that takes the code of the service from a checkout; see `checkout-hook.ts`. */
export function startOptions({ directory }: Checkout): { execArgv: string[]; env: NodeJS.ProcessEnv } {
  const hook = ['--import', new URL('./checkout-hook.ts', import.meta.url).href]
  return {
    execArgv: [...process.execArgv, ...(directory === HERE ? [] : hook)],
    env: { ...process.env, [CHECKOUT]: pathToFileURL(`${directory}/`).href },
  }
}

/** In the environment: the URL of the checkout. Processes that such a process starts have it too. */
export const CHECKOUT = 'BENCH_CHECKOUT'

async function versionOf(directory: string): Promise<string> {
  const git = async (...words: string[]) =>
    (await promisify(execFile)('git', ['-C', directory, ...words])).stdout.trim()
  try {
    const commit = await git('rev-parse', '--short', 'HEAD')
    return (await git('status', '--porcelain')) === '' ? commit : `${commit}+`
  } catch {
    return 'unknown' // Not every copy of the code is one of git.
  }
}
