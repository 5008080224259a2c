{{- /* The variables of a process, from `settings` and `secrets`. */ -}}
{{- define "patterns.environment" -}}
{{- range $name, $value := .settings }}
{{- if not (hasKey $.secrets $name) }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
{{- range $name, $place := .secrets }}
{{- $parts := splitList "/" $place }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef: { name: {{ first $parts }}, key: {{ last $parts }} }
{{- end }}
{{- end -}}

{{- /* Stops where a process would not start, or a secret would be readable in the pod's description. */ -}}
{{- define "patterns.check" -}}
{{- $given := merge (dict) .settings .secrets }}
{{- range $name, $value := .settings }}
{{- if has $name (list "CARD_TOKEN_KEY" "DATABASE_URL" "PAYLOAD_KEYS" "SMTP_URL" "STRIPE_WEBHOOK_SECRET" "TEMPORAL_API_KEY") }}
{{- fail (printf "%s is a secret: put NAME/KEY of a Secret into `secrets`, not its value into `settings`" $name) }}
{{- end }}
{{- end }}
{{- if ne (empty $given.WORKER_DEPLOYMENT) (empty $given.WORKER_BUILD_ID) }}
{{- fail "workers.settings needs both WORKER_DEPLOYMENT and WORKER_BUILD_ID, or neither (docs/upgrades.md)" }}
{{- end }}
{{- if not $given.DATABASE_URL }}
{{- fail "secrets.DATABASE_URL is missing: processes in several pods need PostgreSQL" }}
{{- end }}
{{- if not (or $given.PAYLOAD_KEYS $given.PAYLOAD_KEYS_FILE (eq ($given.PAYLOAD_ENCRYPTION | default "") "off")) }}
{{- fail "secrets.PAYLOAD_KEYS or settings.PAYLOAD_KEYS_FILE is missing (docs/encryption.md)" }}
{{- end }}
{{- if and (eq .component "gateway") (not (or $given.CARD_TOKEN_KEY $given.CARD_TOKEN_KEY_FILE)) }}
{{- fail "gateway.secrets.CARD_TOKEN_KEY or gateway.settings.CARD_TOKEN_KEY_FILE is missing" }}
{{- end }}
{{- if and (eq .component "gateway") (not (or $given.API_KEYS_FILE $given.JWT_ISSUER)) }}
{{- fail "gateway.settings needs API_KEYS_FILE or JWT_ISSUER: without them the gateway does not start (docs/security.md)" }}
{{- end }}
{{- end -}}
