import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Security;
import java.util.Collection;
import java.util.TreeSet;

import org.bouncycastle.asn1.ASN1Integer;
import org.bouncycastle.asn1.x509.AuthorityKeyIdentifier;
import org.bouncycastle.asn1.x509.CRLReason;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.SubjectKeyIdentifier;
import org.bouncycastle.cert.X509CRLEntryHolder;
import org.bouncycastle.cert.X509CRLHolder;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.operator.jcajce.JcaContentVerifierProviderBuilder;
import org.bouncycastle.util.Arrays;

/**
 * Verifies and reads CRLs with somebody else's code. Arguments are a folder and
 * names: for each, NAME.crl and the issuer's NAME.cer lie there, DER. It prints
 * "name signature number key-identifier entries…", an entry as serial:reason.
 */
public class Crl {
    public static void main(String[] args) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        Path dir = Path.of(args[0]);
        for (int i = 1; i < args.length; i++) {
            X509CertificateHolder issuer = new X509CertificateHolder(Files.readAllBytes(dir.resolve(args[i] + ".cer")));
            byte[] der = Files.readAllBytes(dir.resolve(args[i] + ".crl"));
            X509CRLHolder crl = new X509CRLHolder(der);
            boolean good = crl.isSignatureValid(new JcaContentVerifierProviderBuilder().setProvider("BC").build(issuer))
                && crl.getIssuer().equals(issuer.getSubject()) && Arrays.areEqual(crl.toASN1Structure().getEncoded("DER"), der);
            byte[] aki = AuthorityKeyIdentifier.fromExtensions(crl.getExtensions()).getKeyIdentifier();
            byte[] ski = SubjectKeyIdentifier.fromExtensions(issuer.getExtensions()).getKeyIdentifier();
            TreeSet<String> entries = new TreeSet<>();
            for (Object o : (Collection<?>) crl.getRevokedCertificates()) {
                X509CRLEntryHolder e = (X509CRLEntryHolder) o;
                Extension reason = e.getExtension(Extension.reasonCode);
                entries.add(e.getSerialNumber().toString(16) + ":" + (reason == null ? "-" : CRLReason.getInstance(reason.getParsedValue())));
            }
            System.out.println(args[i] + " " + (good ? "valid" : "WRONG") + " "
                + ASN1Integer.getInstance(crl.getExtension(Extension.cRLNumber).getParsedValue())
                + " " + (Arrays.areEqual(aki, ski) ? "issuer's" : "ANOTHER") + " " + String.join(" ", entries));
        }
    }
}
