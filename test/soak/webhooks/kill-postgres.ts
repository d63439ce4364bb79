import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Kills the PostgreSQL under a data directory, and waits until its owner has started another one. */
export async function killPostgres(dataDir: string): Promise<void> {
  const before = postmasterOf(dataDir)
  if (before === undefined) throw new Error('No postmaster')
  process.kill(before, 'SIGKILL')
  for (let waited = 0; waited < 60_000; waited += 50) {
    await sleep(50)
    const now = postmasterOf(dataDir)
    if (now !== undefined && now !== before) return
  }
  throw new Error('PostgreSQL was not started again')
}

function postmasterOf(dataDir: string): number | undefined {
  try {
    const [line = ''] = readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')
    return Number(line) > 1 ? Number(line) : undefined
  } catch {
    return undefined
  }
}
