import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'

export interface Process {
  pid: number
  command: string
}

/** The running processes whose command line contains a text; on systems without either source, none. */
export function processesNaming(text: string): Process[] {
  return allProcesses().filter(({ pid, command }) => pid !== process.pid && command.includes(text))
}

function allProcesses(): Process[] {
  if (process.platform === 'win32') return []
  if (!existsSync('/proc/self/cmdline'))
    return parse(execFileSync('ps', ['-axwwo', 'pid=,command='], { encoding: 'utf8' }))
  return readdirSync('/proc').flatMap((name) => {
    try {
      const command = readFileSync(`/proc/${Number(name)}/cmdline`, 'utf8')
        .replaceAll('\0', ' ')
        .trim()
      return [{ pid: Number(name), command }]
    } catch {
      return [] // not a process, or one that has just ended
    }
  })
}

function parse(lines: string): Process[] {
  return lines.split('\n').flatMap((line) => {
    const [, pid, command] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? []
    return pid && command ? [{ pid: Number(pid), command }] : []
  })
}
