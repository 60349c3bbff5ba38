#!/bin/sh
# The script and the colours of `tenon show --format html`, in a headless Chromium. usage: show_html_browser.sh TENON
set -u
tenon=$1
here=$(dirname "$0")
command -v python3 > /dev/null || { echo "skipped: python3 is not here"; exit 77; }
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || { echo "skipped: no Chromium is here"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME="$work/cache" XDG_CONFIG_HOME="$work/config" HOME="$work" PYTHONDONTWRITEBYTECODE=1
. "$here/show_models.sh"
"$tenon" show "$work/bodies.tn" --format html --time --seconds 0 > "$work/bodies.html" || exit 1
"$tenon" show "$work/hostile.tn" --format html --after in_place > "$work/hostile.html" || exit 1
"$tenon" show "$work/detector.tn" --format html --partition > "$work/detector.html" || exit 1
python3 "$here/show_html_browser.py" "$chromium" "$work"
