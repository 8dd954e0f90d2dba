import { authorityStep } from './authority-step.ts'

export const addAuthorityTaint = authorityStep({
  name: 'taint',
  does: 'have everything replaced that a retired key signed; `list` shows how far that is',
})
