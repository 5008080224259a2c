{{- /* What all pods have: `root`, `component`, `pool`, `config` (values), `settings`, `secrets`, `secretFolders`. */ -}}
{{- define "patterns.pod" -}}
serviceAccountName: {{ .root.Values.serviceAccountName }}
automountServiceAccountToken: false
# Otherwise a Service named `gateway` sets GATEWAY_PORT to a URL.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: { type: RuntimeDefault }
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- if .root.Values.topologyKeys }}
topologySpreadConstraints:
{{- range .root.Values.topologyKeys }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "patterns.selector" $ | nindent 8 }}
{{- end }}
{{- end }}
{{- with .config.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .config.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .config.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: scratch
    emptyDir: { medium: Memory, sizeLimit: 64Mi }
{{- range $folder, $secret := .secretFolders }}
  - name: secret-{{ $folder }}
    secret: { secretName: {{ $secret }}, defaultMode: 0440 }
{{- end }}
{{- end -}}

{{- /* The container's parts that do not depend on what it runs. */ -}}
{{- define "patterns.container" -}}
image: {{ include "patterns.image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
env:
  {{- include "patterns.environment" . | trim | nindent 2 }}
resources:
  {{- toYaml .config.resources | nindent 2 }}
volumeMounts:
  - { name: scratch, mountPath: /tmp }
{{- range $folder, $_ := .secretFolders }}
  # The folder, not a file of it: a file that is replaced would not be seen.
  - { name: secret-{{ $folder }}, mountPath: /etc/durable-patterns/{{ $folder }}, readOnly: true }
{{- end }}
{{- end -}}
