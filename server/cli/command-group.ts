import type { Command } from 'commander'
import type { Session } from './session.ts'

/** Adds the commands of a subject to the command line. */
export type CommandGroup = (program: Command, session: Session) => void
