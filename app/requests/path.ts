const SLASH = 47;

/** Path of a request's target, without what may stand around it: scheme, host and user before, query and fragment behind. */
export function pathOf(url: string): string {
  const path = url.charCodeAt(0) === SLASH ? url : url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, "");
  const end = path.search(/[?#]/);
  return end < 0 ? path : path.slice(0, end);
}
