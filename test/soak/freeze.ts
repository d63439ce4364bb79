import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Stops the processes of the embedded PostgreSQL under a data directory; they stay, and answer nothing. */
export function freeze(dataDir: string): { thaw(): void } {
  const [line = ''] = readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')
  const postmaster = Number(line)
  if (!(postmaster > 1)) throw new Error('No postmaster')
  // The postmaster first: it starts no others then.
  process.kill(postmaster, 'SIGSTOP')
  const children = childrenOf(postmaster)
  for (const pid of children) process.kill(pid, 'SIGSTOP')
  return {
    thaw() {
      for (const pid of [...children, postmaster]) {
        try {
          process.kill(pid, 'SIGCONT')
        } catch {
          // It has ended.
        }
      }
    },
  }
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      const [, fields = ''] = readFileSync(`/proc/${Number(name)}/stat`, 'utf8').split(') ')
      return Number(fields.split(' ')[1]) === parent ? [Number(name)] : []
    } catch {
      return [] // No process, or one that has just ended.
    }
  })
}

/** The memory that a process holds, in megabytes. */
export function residentMb(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kilobytes) / 1024
}
