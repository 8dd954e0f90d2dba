import koffi from 'koffi'

/** The C library under the name it has here. @throws Error where there is none, as on systems other than Linux */
export function loadLibc(): ReturnType<typeof koffi.load> {
  // glibc and musl call it differently.
  for (const name of ['libc.so.6', 'libc.so']) {
    try {
      return koffi.load(name)
    } catch {
      // The next name.
    }
  }
  throw new Error('the C library cannot be loaded')
}
