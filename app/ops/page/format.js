// Numbers and datetimes for display. Unknown values are a dash.

const NONE = "–";

export function seconds(value) {
  if (value === null || value === undefined) return NONE;
  if (value < 0.9995) return `${Math.round(value * 1000)} ms`;
  return `${value.toFixed(value < 9.95 ? 1 : 0)} s`;
}

export function number(value) {
  if (value === null || value === undefined) return NONE;
  if (value === 0) return "0";
  if (value < 9.95) return String(Number(value.toFixed(value < 0.095 ? 2 : 1)));
  return Math.round(value).toLocaleString("en");
}

export function percent(share) {
  if (share === null || share === undefined) return NONE;
  const value = share * 100;
  return `${value > 99 && value < 100 ? Math.floor(value * 10) / 10 : Math.round(value)} %`;
}

export function gibibytes(value) {
  return value === null || value === undefined ? NONE : `${Number(value.toFixed(1))} GiB`;
}

export function clock(unixSeconds, withSeconds = false) {
  const options = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  if (withSeconds) options.second = "2-digit";
  return new Date(unixSeconds * 1000).toLocaleTimeString("en", options);
}

/** An ISO datetime in the local time zone: 2026-03-14 09:26. */
export function dateTime(text) {
  const at = new Date(text);
  const day = [at.getFullYear(), at.getMonth() + 1, at.getDate()].map((part) => String(part).padStart(2, "0"));
  return `${day.join("-")} ${clock(at.getTime() / 1000)}`;
}

export function duration(totalSeconds) {
  const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const [name, size] = units.find(([, length]) => totalSeconds >= length) ?? units[3];
  const count = Math.round((totalSeconds / size) * 10) / 10;
  return `${count} ${name}${count === 1 ? "" : "s"}`;
}
